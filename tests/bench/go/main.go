// SPDX-License-Identifier: MIT

// The same workloads as ../pirn, on goroutines. How is one row run, timed and printed?
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"
)

// What one row is: run is timed, measure returns bytes per task, latencies nanoseconds from wake to
// run, switches the context switches of a program at rest. All check their answer.
type row struct {
	name      string
	ops       int // operations in one run, or goroutines in one measurement
	procs     int // GOMAXPROCS
	setup     func()
	run       func()
	measure   func() (held, rss float64)
	latencies func(seconds float64) []uint64
	switches  func(seconds float64) uint64
}

func fail(what, why string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", what, why)
	os.Exit(1)
}

// A wrong answer ends the program with status 1.
func expect(what string, got, expected uint64) {
	if got != expected {
		fail(what, fmt.Sprintf("wrong answer: %d instead of %d", got, expected))
	}
}

// Runs for so many seconds, once at least. Returns nanoseconds per run.
func runFor(run func(), seconds float64) []float64 {
	var samples []float64
	begin := time.Now()
	before := begin
	for {
		run()
		after := time.Now()
		samples = append(samples, float64(after.Sub(before)))
		before = after
		if after.Sub(begin).Seconds() >= seconds {
			return samples
		}
	}
}

func timeRow(r *row, seconds float64) {
	runFor(r.run, seconds/10)
	samples := runFor(r.run, seconds)
	sort.Float64s(samples)
	ops := float64(r.ops)
	fmt.Printf("{\"row\": \"%s\", \"ns_per_op\": %.3f, \"min\": %.3f, \"iterations\": %d}\n",
		r.name, samples[len(samples)/2]/ops, samples[0]/ops, len(samples))
}

func latencyRow(r *row, seconds float64) {
	ns := r.latencies(seconds)
	sort.Slice(ns, func(i, j int) bool { return ns[i] < ns[j] })
	fmt.Printf("{\"row\": \"%s\", \"p50\": %d, \"p99\": %d, \"p999\": %d, \"count\": %d}\n",
		r.name, ns[len(ns)/2], ns[len(ns)*99/100], ns[len(ns)*999/1000], len(ns))
}

// For tools that count instead of timing: no warm-up, no clock between the runs.
func countRow(r *row, opsMin int) {
	ops := 0
	for {
		r.run()
		ops += r.ops
		if ops >= opsMin {
			break
		}
	}
	fmt.Printf("{\"row\": \"%s\", \"ops\": %d}\n", r.name, ops)
}

func allRows() []row {
	var rows []row
	for _, group := range [][]row{ctRows, mtRows, syncRows, timeRows, linkingRows, memoryRows,
		latencyRows} {
		rows = append(rows, group...)
	}
	return rows
}

func main() {
	rows := allRows()
	args := os.Args
	if len(args) == 2 && args[1] == "--list" {
		for _, r := range rows {
			fmt.Println(r.name)
		}
		return
	}
	number, err := 0.0, error(nil)
	if len(args) > 2 {
		number, err = strconv.ParseFloat(args[len(args)-1], 64)
	}
	if err != nil || (len(args) != 3 && !(len(args) == 4 && args[2] == "--ops")) {
		fmt.Fprintf(os.Stderr, "usage: %s ROW SECONDS | %s ROW --ops N | %s --list\n",
			args[0], args[0], args[0])
		os.Exit(2)
	}
	for i := range rows {
		r := &rows[i]
		if r.name != args[1] {
			continue
		}
		setProcs(r.procs)
		if r.setup != nil {
			r.setup()
		}
		if r.measure != nil {
			held, rss := r.measure()
			fmt.Printf("{\"row\": \"%s\", \"bytes\": %.3f, \"rss\": %.3f, \"tasks\": %d}\n",
				r.name, held, rss, r.ops)
		} else if r.latencies != nil {
			latencyRow(r, number)
		} else if r.switches != nil {
			fmt.Printf("{\"row\": \"%s\", \"switches\": %d}\n", r.name, r.switches(number))
		} else if len(args) == 4 {
			countRow(r, int(number))
		} else {
			timeRow(r, number)
		}
		return
	}
	fail(args[1], "no such row")
}
