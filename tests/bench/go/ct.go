// SPDX-License-Identifier: MIT

// The ct_ rows: what do starting, joining and yielding cost with one processor?
//
// Go has no join handle: many goroutines are joined by a WaitGroup, one by a channel, the same for
// all, which is faster than one each. It has no wakers, and no place outside of its runtime, so the
// rows ct_selfwake_many and ct_spawn_remote do not exist here.
package main

import (
	"runtime"
	"sync"
)

const (
	spawns = 10000
	tasks  = 200
	yields = 1000
)

func setProcs(n int) {
	runtime.GOMAXPROCS(n)
}

var numbers [spawns]uint64

func spawnJoinMany() {
	var wg sync.WaitGroup
	var sum uint64
	wg.Add(spawns)
	for i := 0; i < spawns; i++ {
		go func(i int) {
			numbers[i] = uint64(i)
			wg.Done()
		}(i)
	}
	wg.Wait()
	for i := range numbers {
		sum += numbers[i]
		numbers[i] = 0
	}
	expect("ct_spawn_join_many", sum, 49995000)
}

func spawnAwaitOne() {
	var sum uint64
	result := make(chan uint64)
	for i := 0; i < spawns; i++ {
		go func(i int) {
			result <- uint64(i)
		}(i)
		sum += <-result
	}
	expect("ct_spawn_await_one", sum, 49995000)
}

func yieldMany() {
	var wg sync.WaitGroup
	var counts [tasks]uint64
	var sum uint64
	wg.Add(tasks)
	for t := 0; t < tasks; t++ {
		go func(t int) {
			count := uint64(0)
			for count < yields {
				runtime.Gosched()
				count++
			}
			counts[t] = count
			wg.Done()
		}(t)
	}
	wg.Wait()
	for _, count := range counts {
		sum += count
	}
	expect("ct_yield_many", sum, 200000)
}

var ctRows = []row{
	{name: "ct_spawn_join_many", ops: spawns, procs: 1, run: spawnJoinMany},
	{name: "ct_spawn_await_one", ops: spawns, procs: 1, run: spawnAwaitOne},
	{name: "ct_yield_many", ops: tasks * yields, procs: 1, run: yieldMany},
}
