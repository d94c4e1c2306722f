// SPDX-License-Identifier: MIT
//! The rows of tasks that come to rest: pend once and be woken, or be aborted.
use std::cell::UnsafeCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use crate::ct::{SPAWNS, SPAWNS_SUM};
use crate::{ct, expect, mt, Row, Work};

/// Written by its task before that is at rest, read by the root after all are.
struct Slot(UnsafeCell<Option<Waker>>);

unsafe impl Sync for Slot {}

#[allow(clippy::declare_interior_mutable_const)]
const NO_WAKER: Slot = Slot(UnsafeCell::new(None));
static WAKERS: [Slot; SPAWNS as usize] = [NO_WAKER; SPAWNS as usize];
static NOT_AT_REST: AtomicU64 = AtomicU64::new(0);

/// True for the last one.
fn come_to_rest() -> bool {
    NOT_AT_REST.fetch_sub(1, Ordering::AcqRel) == 1
}

/// Leaves its waker at its first poll, and returns its number at the second.
struct Pender {
    n: u64,
    has_pended: bool,
    done: Option<&'static SyncSender<u64>>,
}

impl Future for Pender {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.has_pended {
            return Poll::Ready(self.n);
        }
        self.has_pended = true;
        unsafe { *WAKERS[self.n as usize].0.get() = Some(cx.waker().clone()) };
        if come_to_rest() {
            if let Some(done) = self.done {
                done.send(0).unwrap();
            }
        }
        Poll::Pending
    }
}

fn spawn_penders(joins: &mut Vec<JoinHandle<u64>>, done: Option<&'static SyncSender<u64>>) {
    NOT_AT_REST.store(SPAWNS, Ordering::Relaxed);
    for n in 0..SPAWNS {
        joins.push(tokio::spawn(Pender { n, has_pended: false, done }));
    }
}

async fn wake_and_join(joins: &mut Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;

    for slot in WAKERS.iter() {
        unsafe { (*slot.0.get()).take() }.unwrap().wake();
    }
    for join in joins.drain(..) {
        sum += join.await.unwrap();
    }
    sum
}

/// The root shares its thread with the tasks: it yields until all have been polled.
fn ct_pend_once_join() -> Box<dyn FnMut()> {
    let rt = ct::runtime();
    let mut joins = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || {
        let sum = rt.block_on(async {
            spawn_penders(&mut joins, None);
            while NOT_AT_REST.load(Ordering::Acquire) != 0 {
                tokio::task::yield_now().await;
            }
            wake_and_join(&mut joins).await
        });
        expect("ct_pend_once_join", sum, SPAWNS_SUM);
    })
}

/// The root's thread is none of the workers: it blocks until all have been polled.
fn mt_pend_once_join() -> Box<dyn FnMut()> {
    let rt = mt::runtime();
    let (tx, rx) = mt::done();
    let mut joins = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || {
        let sum = rt.block_on(async {
            spawn_penders(&mut joins, Some(tx));
            rx.recv().unwrap();
            wake_and_join(&mut joins).await
        });
        expect("mt_pend_once_join", sum, SPAWNS_SUM);
    })
}

/// Pending for ever, from its first poll on.
struct Idle(&'static SyncSender<u64>);

impl Future for Idle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if come_to_rest() {
            self.0.send(0).unwrap();
        }
        Poll::Pending
    }
}

fn abort_idle() -> Box<dyn FnMut()> {
    let rt = mt::runtime();
    let (tx, rx) = mt::done();
    let mut joins = Vec::with_capacity(SPAWNS as usize);

    Box::new(move || {
        let cancelled = rt.block_on(async {
            let mut cancelled = 0;

            NOT_AT_REST.store(SPAWNS, Ordering::Relaxed);
            for _ in 0..SPAWNS {
                joins.push(tokio::spawn(Idle(tx)));
            }
            rx.recv().unwrap();
            for join in joins.iter() {
                join.abort();
            }
            for join in joins.drain(..) {
                cancelled += join.await.unwrap_err().is_cancelled() as u64;
            }
            cancelled
        });
        expect("mt_abort_idle", cancelled, SPAWNS);
    })
}

pub fn rows() -> Vec<Row> {
    vec![
        Row { name: "ct_pend_once_join", ops: SPAWNS, work: Work::Time(ct_pend_once_join) },
        Row { name: "mt_pend_once_join", ops: SPAWNS, work: Work::Time(mt_pend_once_join) },
        Row { name: "mt_abort_idle", ops: SPAWNS, work: Work::Time(abort_idle) },
    ]
}
