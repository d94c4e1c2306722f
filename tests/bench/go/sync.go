// SPDX-License-Identifier: MIT

// The rows of channels and notifications: what do goroutines pay to talk to each other?
//
// Go has no unbounded channel and no semaphore of its own: mt_mpsc_unbounded and
// mt_semaphore_contended do not exist here. A notification is a channel with room for one.
package main

import "sync"

const (
	senders      = 4
	sends        = 5000
	sendsSum     = 49990000 // of 0 up to sends - 1, from each sender
	capacity     = 128
	notifyRounds = 10000
)

func mpscBounded() {
	var left sync.WaitGroup
	messages := make(chan uint64, capacity)
	left.Add(senders)
	for s := 0; s < senders; s++ {
		go func() {
			for i := uint64(0); i < sends; i++ {
				messages <- i
			}
			left.Done()
		}()
	}
	go func() { // the last sender closes it
		left.Wait()
		close(messages)
	}()
	go func() {
		sum := uint64(0)
		for i := range messages {
			sum += i
		}
		done <- sum
	}()
	expect("mt_mpsc_bounded", <-done, sendsSum)
}

// Each of two goroutines notifies the other, and waits until it is notified.
func notifyPingpong() {
	ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)
	go func() {
		hops := uint64(0)
		for i := 0; i < notifyRounds; i++ {
			<-ping
			hops++
			pong <- struct{}{}
		}
		done <- hops
	}()
	go func() {
		hops := uint64(0)
		for i := 0; i < notifyRounds; i++ {
			ping <- struct{}{}
			<-pong
			hops++
		}
		done <- hops
	}()
	expect("mt_notify_pingpong", <-done+<-done, 2*notifyRounds)
}

var syncRows = []row{
	{name: "mt_mpsc_bounded", ops: senders * sends, procs: workers(), run: mpscBounded},
	{name: "mt_notify_pingpong", ops: 2 * notifyRounds, procs: workers(), run: notifyPingpong},
}
