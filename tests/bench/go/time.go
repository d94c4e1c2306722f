// SPDX-License-Identifier: MIT

// The rows of timers: what does a timeout cost that does not fire, and what a sleep that does?
//
// A timeout around something that is no channel is a timer that is started before it and stopped
// after it.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func inTime() uint64 {
	count := uint64(0)
	for i := 0; i < yields; i++ {
		timer := time.NewTimer(60 * time.Second)
		runtime.Gosched()
		if timer.Stop() {
			count++
		}
	}
	return count
}

func ctTimeoutCancel() {
	var wg sync.WaitGroup
	var counts [tasks]uint64
	var sum uint64
	wg.Add(tasks)
	for t := 0; t < tasks; t++ {
		go func(t int) {
			counts[t] = inTime()
			wg.Done()
		}(t)
	}
	wg.Wait()
	for _, count := range counts {
		sum += count
	}
	expect("ct_timeout_cancel", sum, 200000)
}

func mtTimeoutCancel() {
	var sum uint64
	for t := 0; t < tasks; t++ {
		go func() {
			done <- inTime()
		}()
	}
	for t := 0; t < tasks; t++ {
		sum += <-done
	}
	expect("mt_timeout_cancel", sum, 200000)
}

func sleepFire() {
	atomic.StoreInt64(&remaining, spawns)
	for i := 0; i < spawns; i++ {
		go func() {
			time.Sleep(time.Millisecond)
			if atomic.AddInt64(&remaining, -1) == 0 {
				done <- 0
			}
		}()
	}
	<-done
	expect("mt_sleep_fire", uint64(atomic.LoadInt64(&remaining)), 0)
}

var timeRows = []row{
	{name: "ct_timeout_cancel", ops: tasks * yields, procs: 1, run: ctTimeoutCancel},
	{name: "mt_timeout_cancel", ops: tasks * yields, procs: workers(), run: mtTimeoutCancel},
	{name: "mt_sleep_fire", ops: spawns, procs: workers(), run: sleepFire},
}
