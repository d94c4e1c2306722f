// SPDX-License-Identifier: MIT

// The rows of goroutines that come to rest once: each waits at a channel of its own, for want of a
// waker, and is let go. The channels are there before.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

var gates [spawns]chan struct{}

func makeGates() {
	for i := range gates {
		gates[i] = make(chan struct{}, 1)
	}
}

// Starts them all. The last one that is about to rest calls tell.
func startPenders(wg *sync.WaitGroup, tell func()) {
	atomic.StoreInt64(&remaining, spawns)
	wg.Add(spawns)
	for i := 0; i < spawns; i++ {
		go func(i int) {
			if atomic.AddInt64(&remaining, -1) == 0 {
				tell()
			}
			<-gates[i]
			numbers[i] = uint64(i)
			wg.Done()
		}(i)
	}
}

func wakeAndJoin(row string, wg *sync.WaitGroup) {
	var sum uint64
	for i := range gates {
		gates[i] <- struct{}{}
	}
	wg.Wait()
	for i := range numbers {
		sum += numbers[i]
		numbers[i] = 0
	}
	expect(row, sum, 49995000)
}

func ctPendOnceJoin() {
	var wg sync.WaitGroup
	startPenders(&wg, func() {})
	for atomic.LoadInt64(&remaining) != 0 {
		runtime.Gosched()
	}
	wakeAndJoin("ct_pend_once_join", &wg)
}

func mtPendOnceJoin() {
	var wg sync.WaitGroup
	startPenders(&wg, func() { done <- 0 })
	<-done
	wakeAndJoin("mt_pend_once_join", &wg)
}

var linkingRows = []row{
	{name: "ct_pend_once_join", ops: spawns, procs: 1, setup: makeGates, run: ctPendOnceJoin},
	{name: "mt_pend_once_join", ops: spawns, procs: workers(), setup: makeGates, run: mtPendOnceJoin},
}
