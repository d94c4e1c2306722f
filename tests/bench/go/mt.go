// SPDX-License-Identifier: MIT

// The mt_ rows: what do starting, yielding and waking cost when several processors share the
// goroutines?
//
// There is no thread outside of Go's runtime that could spawn, no waker, no abort, and a goroutine
// may block as it is: the rows mt_spawn_remote_*, mt_selfwake_many, mt_abort_idle and those of
// spawn_blocking do not exist here.
package main

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
)

const (
	pings     = 1000
	chain     = 1000
	treeDepth = 14
	treeNodes = 1<<(treeDepth+1) - 1
)

// How many processors a multi-thread row has: the environment's BENCH_WORKERS, or 2.
func workers() int {
	set := os.Getenv("BENCH_WORKERS")
	if set == "" {
		return 2
	}
	n, err := strconv.Atoi(set)
	if err != nil || n < 1 {
		fail("BENCH_WORKERS", "is not a number of workers")
	}
	return n
}

var (
	remaining int64
	done      = make(chan uint64, 1000)
)

func spawnManyLocal() {
	atomic.StoreInt64(&remaining, spawns)
	for i := 0; i < spawns; i++ {
		go func() {
			if atomic.AddInt64(&remaining, -1) == 0 {
				done <- 0
			}
		}()
	}
	<-done
	expect("mt_spawn_many_local", uint64(atomic.LoadInt64(&remaining)), 0)
}

func mtYieldMany() {
	var sum uint64
	for t := 0; t < tasks; t++ {
		go func() {
			count := uint64(0)
			for count < yields {
				runtime.Gosched()
				count++
			}
			done <- count
		}()
	}
	for t := 0; t < tasks; t++ {
		sum += <-done
	}
	expect("mt_yield_many", sum, 200000)
}

func ping(n uint64) {
	toPong, toPing := make(chan uint64, 1), make(chan uint64, 1)
	go func() {
		toPing <- <-toPong + 1
	}()
	toPong <- n
	expect("pong", <-toPing, n+1)
	if atomic.AddInt64(&remaining, -1) == 0 {
		done <- 0
	}
}

func pingPong() {
	atomic.StoreInt64(&remaining, pings)
	go func() {
		for n := uint64(0); n < pings; n++ {
			go ping(n)
		}
	}()
	<-done
	expect("mt_ping_pong", uint64(atomic.LoadInt64(&remaining)), 0)
}

func chainLink(left, links uint64) {
	if left == 0 {
		done <- links
		return
	}
	go chainLink(left-1, links+1)
}

func chainedSpawn() {
	go chainLink(chain, 0)
	expect("mt_chained_spawn", <-done, chain)
}

// Starts two nodes of the next level, awaits both, and sends how many nodes it is with them. Channels
// are a little faster here than a WaitGroup for each node.
func node(depth int, out chan<- uint64) {
	if depth == 0 {
		out <- 1
		return
	}
	below := make(chan uint64, 2)
	go node(depth-1, below)
	go node(depth-1, below)
	out <- <-below + <-below + 1
}

func forkJoinTree() {
	top := make(chan uint64, 1)
	go node(treeDepth, top)
	expect("mt_fork_join_tree", <-top, treeNodes)
}

var mtRows = []row{
	{name: "mt_spawn_many_local", ops: spawns, procs: workers(), run: spawnManyLocal},
	{name: "mt_yield_many", ops: tasks * yields, procs: workers(), run: mtYieldMany},
	{name: "mt_ping_pong", ops: pings, procs: workers(), run: pingPong},
	{name: "mt_ping_pong_oneshot", ops: pings, procs: workers(), run: pingPong},
	{name: "mt_chained_spawn", ops: chain, procs: workers(), run: chainedSpawn},
	{name: "mt_fork_join_tree", ops: treeNodes, procs: workers(), run: forkJoinTree},
}
