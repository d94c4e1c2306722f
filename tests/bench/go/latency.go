// SPDX-License-Identifier: MIT

// How soon does a woken goroutine run while the processors are half busy, and how quiet is a program
// that has nothing to do?
//
// The waking thread is a goroutine locked to a thread that keeps a processor of its own, beside the
// workers: there is no other place that could wake a goroutine.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Every tick one goroutine is woken for each worker, and each is busy for half a tick.
const (
	tick      = 20 * time.Microsecond
	burn      = 10 * time.Microsecond
	sleepers  = 4096
	ticksMin  = 500
	settling  = 100 * time.Millisecond
	monotonic = 1
	absolute  = 1
	slack     = 29 // PR_SET_TIMERSLACK
)

type sleeper struct {
	asleep  atomic.Bool
	gate    chan struct{}
	wokenAt time.Time
	sample  int
}

var (
	slots   [sleepers]sleeper
	samples []uint64
	stop    atomic.Bool
)

func (s *sleeper) sleep(wg *sync.WaitGroup) {
	defer wg.Done()
	for {
		s.asleep.Store(true)
		<-s.gate
		now := time.Now()
		if stop.Load() {
			return
		}
		samples[s.sample] = uint64(now.Sub(s.wokenAt))
		for time.Since(now) < burn {
		}
	}
}

func (s *sleeper) wake(sample int) {
	s.asleep.Store(false)
	s.sample = sample
	s.wokenAt = time.Now()
	s.gate <- struct{}{}
}

func nanotime() int64 {
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

// Keeps the processor: the scheduler is not told.
func sleepUntil(ns int64) {
	t := syscall.NsecToTimespec(ns)
	for {
		_, _, err := syscall.RawSyscall6(syscall.SYS_CLOCK_NANOSLEEP, monotonic, absolute,
			uintptr(unsafe.Pointer(&t)), 0, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}

func settle() {
	for i := range slots {
		for !slots[i].asleep.Load() {
			time.Sleep(tick)
		}
	}
}

// Ticks that were missed, because this thread got no CPU, are not made up for: that would be a burst,
// and more than half load.
func nextTick(last int64) int64 {
	next, now := last+int64(tick), nanotime()
	if next < now {
		return now
	}
	sleepUntil(next)
	return next
}

func halfLoad(seconds float64) []uint64 {
	var wg sync.WaitGroup
	ticks := int(seconds * 1e9 / float64(tick))
	if ticks < ticksMin {
		ticks = ticksMin
	}
	perTick := workers()
	samples = make([]uint64, ticks*perTick)
	wg.Add(sleepers)
	for i := range slots {
		slots[i].gate = make(chan struct{}, 1)
		go slots[i].sleep(&wg)
	}
	settle()
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_PRCTL, slack, 1, 0)
	next := nanotime()
	for i := range samples {
		s := &slots[i%sleepers]
		if i%perTick == 0 {
			next = nextTick(next)
		}
		for !s.asleep.Load() { // the whole ring is in arrears: it goes on once this one is through
			sleepUntil(nanotime() + int64(tick))
		}
		s.wake(i)
	}
	runtime.UnlockOSThread()
	settle()
	stop.Store(true)
	for i := range slots {
		slots[i].wake(0)
	}
	wg.Wait()
	polled := 0
	for _, ns := range samples {
		if ns != 0 {
			polled++
		}
	}
	expect("goroutines run when woken", uint64(polled), uint64(len(samples)))
	return samples
}

// Context switches of all threads of this process besides this one, since they began.
func switchesOfOthers() uint64 {
	sum := uint64(0)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fail("/proc/self/task", err.Error())
	}
	for _, thread := range threads {
		if thread.Name() == fmt.Sprint(syscall.Gettid()) {
			continue
		}
		status, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
		for _, line := range bytes.Split(status, []byte("\n")) {
			var n uint64
			if at := strings.Index(string(line), "voluntary_ctxt_switches:"); at >= 0 {
				fmt.Sscan(string(line)[at+len("voluntary_ctxt_switches:"):], &n)
				sum += n
			}
		}
	}
	return sum
}

// Every processor has had something to do before it is left alone.
func idleSwitches(seconds float64) uint64 {
	spawnManyLocal()
	runtime.LockOSThread()
	sleepUntil(nanotime() + int64(settling))
	before := switchesOfOthers()
	sleepUntil(nanotime() + int64(seconds*1e9))
	return switchesOfOthers() - before
}

var latencyRows = []row{
	{name: "mt_latency_p999", procs: workers() + 1, latencies: halfLoad},
	{name: "mt_idle_switches", procs: workers() + 1, switches: idleSwitches},
}
