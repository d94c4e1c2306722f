// SPDX-License-Identifier: MIT
//! The rows of channels, notifications and permits: what do tasks pay to talk to each other?
use std::sync::Arc;

use tokio::sync::{mpsc, Notify, Semaphore};

use crate::mt::{done, runtime};
use crate::{expect, Row, Work};

const SENDERS: u64 = 4;
const SENDS: u64 = 5_000;
/// Of 0 up to SENDS - 1, from each sender.
const SENDS_SUM: u64 = 49990000;
const CAPACITY: usize = 128;
const NOTIFY_ROUNDS: u64 = 10_000;
const SEMAPHORE_TASKS: u64 = 10;
const PERMITS: usize = 5;
const ACQUIRES: u64 = 1_000;

fn mpsc_bounded() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (done, all_done) = done();

    Box::new(move || {
        let sum = rt.block_on(async {
            let (tx, mut rx) = mpsc::channel::<u64>(CAPACITY);

            for _ in 0..SENDERS {
                let tx = tx.clone();

                tokio::spawn(async move {
                    for i in 0..SENDS {
                        tx.send(i).await.unwrap();
                    }
                });
            }
            drop(tx);
            tokio::spawn(async move {
                let mut sum = 0;

                while let Some(i) = rx.recv().await {
                    sum += i;
                }
                done.send(sum).unwrap();
            });
            all_done.recv().unwrap()
        });
        expect("mt_mpsc_bounded", sum, SENDS_SUM);
    })
}

fn mpsc_unbounded() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (done, all_done) = done();

    Box::new(move || {
        let sum = rt.block_on(async {
            let (tx, mut rx) = mpsc::unbounded_channel::<u64>();

            for _ in 0..SENDERS {
                let tx = tx.clone();

                tokio::spawn(async move {
                    for i in 0..SENDS {
                        tx.send(i).unwrap();
                    }
                });
            }
            drop(tx);
            tokio::spawn(async move {
                let mut sum = 0;

                while let Some(i) = rx.recv().await {
                    sum += i;
                }
                done.send(sum).unwrap();
            });
            all_done.recv().unwrap()
        });
        expect("mt_mpsc_unbounded", sum, SENDS_SUM);
    })
}

/// Each of two tasks notifies the other, and waits until it is notified.
fn notify_pingpong() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (done, all_done) = done();

    Box::new(move || {
        let hops: u64 = rt.block_on(async {
            let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (other_ping, other_pong) = (ping.clone(), pong.clone());

            tokio::spawn(async move {
                let mut hops = 0;

                for _ in 0..NOTIFY_ROUNDS {
                    other_ping.notified().await;
                    hops += 1;
                    other_pong.notify_one();
                }
                done.send(hops).unwrap();
            });
            tokio::spawn(async move {
                let mut hops = 0;

                for _ in 0..NOTIFY_ROUNDS {
                    ping.notify_one();
                    pong.notified().await;
                    hops += 1;
                }
                done.send(hops).unwrap();
            });
            (0..2).map(|_| all_done.recv().unwrap()).sum()
        });
        expect("mt_notify_pingpong", hops, 2 * NOTIFY_ROUNDS);
    })
}

fn semaphore_contended() -> Box<dyn FnMut()> {
    let rt = runtime();
    let (done, all_done) = done();

    Box::new(move || {
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        let acquires: u64 = rt.block_on(async {
            for _ in 0..SEMAPHORE_TASKS {
                let semaphore = semaphore.clone();

                tokio::spawn(async move {
                    let mut acquires = 0;

                    while acquires < ACQUIRES {
                        let permit = semaphore.acquire().await.unwrap();

                        tokio::task::yield_now().await;
                        acquires += 1;
                        drop(permit);
                    }
                    done.send(acquires).unwrap();
                });
            }
            (0..SEMAPHORE_TASKS).map(|_| all_done.recv().unwrap()).sum()
        });
        expect("mt_semaphore_contended", acquires, SEMAPHORE_TASKS * ACQUIRES);
        expect("its permits", semaphore.available_permits() as u64, PERMITS as u64);
    })
}

pub fn rows() -> Vec<Row> {
    let sends = SENDERS * SENDS;
    let hops = 2 * NOTIFY_ROUNDS;
    let acquires = SEMAPHORE_TASKS * ACQUIRES;

    vec![
        Row { name: "mt_mpsc_bounded", ops: sends, work: Work::Time(mpsc_bounded) },
        Row { name: "mt_mpsc_unbounded", ops: sends, work: Work::Time(mpsc_unbounded) },
        Row { name: "mt_notify_pingpong", ops: hops, work: Work::Time(notify_pingpong) },
        Row { name: "mt_semaphore_contended", ops: acquires, work: Work::Time(semaphore_contended) },
    ]
}
