// SPDX-License-Identifier: MIT
//! The memory row: how many bytes does one idle task hold?
use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use crate::{ct, expect, Row, Work};

const TASKS: u64 = 1_000_000;

extern "C" {
    fn malloc_usable_size(p: *mut u8) -> usize;
}

/// Counts what malloc gives, its one word of header included, once it is switched on: the time rows
/// run on plain malloc.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static HELD: AtomicUsize = AtomicUsize::new(0);

fn count(p: *mut u8, sign: isize) {
    if ON.load(Ordering::Relaxed) && !p.is_null() {
        let bytes = unsafe { malloc_usable_size(p) } + std::mem::size_of::<usize>();

        HELD.fetch_add((bytes as isize * sign) as usize, Ordering::Relaxed);
    }
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let p = System.alloc(layout);
        count(p, 1);
        p
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(p, -1);
        System.dealloc(p, layout)
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(p, -1);
        let q = System.realloc(p, layout, size);
        count(if q.is_null() { p } else { q }, 1);
        q
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn rss() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();

    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Pending for ever, in a frame of no bytes. Counts the polls, to know when all tasks are idle.
struct Idle;

static POLLS: AtomicU64 = AtomicU64::new(0);

impl Future for Idle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        POLLS.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

fn idle_task_bytes() -> (f64, f64) {
    let mut joins: Vec<JoinHandle<()>> = Vec::with_capacity(TASKS as usize);

    // The list of handles is the caller's: it is there, and touched, before counting begins.
    for slot in joins.spare_capacity_mut() {
        *slot = std::mem::MaybeUninit::zeroed();
    }
    let rss_before = rss();
    ON.store(true, Ordering::Relaxed);
    let rt = ct::runtime();

    rt.block_on(async {
        for _ in 0..TASKS {
            joins.push(tokio::spawn(Idle));
        }
        while POLLS.load(Ordering::Relaxed) < TASKS {
            tokio::task::yield_now().await;
        }
    });
    let held = HELD.load(Ordering::Relaxed);
    let resident = rss() - rss_before;

    let unfinished = joins.iter().filter(|join| !join.is_finished()).count();
    expect("idle_task_bytes: pending", unfinished as u64, 1000000);
    drop(rt);
    let finished = joins.iter().filter(|join| join.is_finished()).count();
    expect("idle_task_bytes: cancelled", finished as u64, 1000000);
    expect("idle_task_bytes: polls", POLLS.load(Ordering::Relaxed), 1000000);
    (held as f64 / TASKS as f64, resident as f64 / TASKS as f64)
}

pub fn rows() -> Vec<Row> {
    vec![Row { name: "idle_task_bytes", ops: TASKS, work: Work::Bytes(idle_task_bytes) }]
}
