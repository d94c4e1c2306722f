// SPDX-License-Identifier: MIT

// The memory row: how many bytes does one idle goroutine hold?
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
)

const idleTasks = 1000000

func rss() float64 {
	var total, resident float64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(statm), &total, &resident)
	}
	if err != nil {
		fail("/proc/self/statm", err.Error())
	}
	return resident * float64(os.Getpagesize())
}

func heapAndStacks() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

func idleTaskBytes() (float64, float64) {
	var started sync.WaitGroup
	heldBefore, rssBefore := heapAndStacks(), rss()
	before := runtime.NumGoroutine()
	started.Add(idleTasks)
	for i := 0; i < idleTasks; i++ {
		go func() {
			started.Done()
			select {}
		}()
	}
	started.Wait()
	held, resident := heapAndStacks(), rss()
	expect("idle_task_bytes", uint64(runtime.NumGoroutine()-before), 1000000)
	return (held - heldBefore) / idleTasks, (resident - rssBefore) / idleTasks
}

var memoryRows = []row{
	{name: "idle_task_bytes", ops: idleTasks, procs: 1, measure: idleTaskBytes},
}
