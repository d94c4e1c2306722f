// SPDX-License-Identifier: MIT
//! How soon is a woken task polled while the workers are half busy, and how quiet is a runtime that
//! has nothing to do?
use std::cell::UnsafeCell;
use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::ct::{SPAWNS, SPAWNS_SUM};
use crate::{expect, mt, workers, Row, Work};

/// Every tick a thread outside wakes one task for each worker, and each is busy for half a tick.
const TICK_NS: u64 = 20_000;
const BURN_NS: u64 = 10_000;
const SLEEPERS: usize = 4096;
const TICKS_MIN: u64 = 500;
const SETTLE_NS: u64 = 100_000_000;

#[repr(C)]
struct Timespec {
    sec: i64,
    nsec: i64,
}

const CLOCK_MONOTONIC: i32 = 1;
const TIMER_ABSTIME: i32 = 1;
const PR_SET_TIMERSLACK: i32 = 29;

extern "C" {
    fn clock_gettime(clock: i32, t: *mut Timespec) -> i32;
    fn clock_nanosleep(clock: i32, flags: i32, t: *const Timespec, left: *mut Timespec) -> i32;
    fn prctl(option: i32, value: u64) -> i32;
}

fn now() -> u64 {
    let mut t = Timespec { sec: 0, nsec: 0 };

    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut t) };
    t.sec as u64 * 1_000_000_000 + t.nsec as u64
}

/// As exactly as the kernel can.
fn sleep_until(ns: u64) {
    let t = Timespec { sec: (ns / 1_000_000_000) as i64, nsec: (ns % 1_000_000_000) as i64 };

    unsafe {
        prctl(PR_SET_TIMERSLACK, 1);
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, std::ptr::null_mut()) != 0 {}
    }
}

struct Told {
    waker: Option<Waker>,
    woken_at: u64,
    sample: usize,
}

/// `asleep`, set by the task, hands `told` over to the outside thread; the wake hands it back.
struct Slot {
    asleep: AtomicBool,
    told: UnsafeCell<Told>,
}

unsafe impl Sync for Slot {}

#[allow(clippy::declare_interior_mutable_const)]
const UNUSED: Slot = Slot {
    asleep: AtomicBool::new(false),
    told: UnsafeCell::new(Told { waker: None, woken_at: 0, sample: 0 }),
};
static SLOTS: [Slot; SLEEPERS] = [UNUSED; SLEEPERS];
static STOP: AtomicBool = AtomicBool::new(false);
static ENDED: AtomicU64 = AtomicU64::new(0);

struct Sleeper {
    slot: &'static Slot,
    is_woken: bool,
    samples: &'static [AtomicU64],
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let now_ns = now();
        let told = unsafe { &mut *self.slot.told.get() };

        if self.is_woken {
            if STOP.load(Ordering::Relaxed) {
                ENDED.fetch_add(1, Ordering::Release);
                return Poll::Ready(());
            }
            self.samples[told.sample].store(now_ns - told.woken_at, Ordering::Relaxed);
            while now() - now_ns < BURN_NS {}
        }
        self.is_woken = true;
        told.waker = Some(cx.waker().clone());
        self.slot.asleep.store(true, Ordering::Release);
        Poll::Pending
    }
}

fn is_asleep(slot: &Slot) -> bool {
    slot.asleep.load(Ordering::Acquire)
}

fn wake(slot: &Slot, sample: usize) {
    let told = unsafe { &mut *slot.told.get() };
    let waker = told.waker.take().unwrap();

    slot.asleep.store(false, Ordering::Relaxed);
    told.sample = sample;
    told.woken_at = now();
    waker.wake();
}

/// Waits, now and then looking, until every task is asleep.
fn settle() {
    for slot in SLOTS.iter() {
        while !is_asleep(slot) {
            sleep_until(now() + TICK_NS);
        }
    }
}

fn stop_sleepers() {
    settle();
    STOP.store(true, Ordering::Relaxed);
    for slot in SLOTS.iter() {
        wake(slot, 0);
    }
    while ENDED.load(Ordering::Acquire) < SLEEPERS as u64 {
        sleep_until(now() + TICK_NS);
    }
}

/// Ticks that were missed, because this thread got no CPU, are not made up for: that would be a
/// burst, and more than half load.
fn next_tick(last: u64) -> u64 {
    let (next, now) = (last + TICK_NS, now());

    if next < now {
        return now;
    }
    sleep_until(next);
    next
}

fn half_load(seconds: f64) -> Vec<u64> {
    let rt = mt::runtime();
    let ticks = ((seconds * 1e9 / TICK_NS as f64) as u64).max(TICKS_MIN);
    let per_tick = workers();
    let count = ticks as usize * per_tick;
    let samples: &'static [AtomicU64] =
        Box::leak((0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().into_boxed_slice());

    for slot in SLOTS.iter() {
        rt.spawn(Sleeper { slot, is_woken: false, samples });
    }
    settle();
    let mut next = now();
    for i in 0..count {
        let slot = &SLOTS[i % SLEEPERS];

        if i % per_tick == 0 {
            next = next_tick(next);
        }
        while !is_asleep(slot) {
            // The whole ring is in arrears: it goes on once this one is through.
            sleep_until(now() + TICK_NS);
        }
        wake(slot, i);
    }
    stop_sleepers();
    let samples: Vec<u64> = samples.iter().map(|ns| ns.load(Ordering::Relaxed)).collect();
    expect("tasks polled when woken", samples.iter().filter(|ns| **ns != 0).count() as u64,
           count as u64);
    samples
}

/// Context switches of all threads of this process besides this one, since they began.
fn switches_of_others() -> u64 {
    let me = fs::read_link("/proc/thread-self").unwrap();
    let mut sum = 0;

    for thread in fs::read_dir("/proc/self/task").unwrap() {
        let thread = thread.unwrap();

        if Some(thread.file_name().as_os_str()) == me.file_name() {
            continue;
        }
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        for line in status.lines().filter(|line| line.contains("voluntary_ctxt_switches:")) {
            sum += line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

/// Every worker has had something to do before it is left alone.
fn work_once(rt: &Runtime) {
    let joins: Vec<_> = (0..SPAWNS).map(|i| rt.spawn(async move { i })).collect();
    let sum = rt.block_on(async {
        let mut sum = 0;

        for join in joins {
            sum += join.await.unwrap();
        }
        sum
    });
    expect("mt_idle_switches", sum, SPAWNS_SUM);
}

fn idle_switches(seconds: f64) -> u64 {
    let rt = mt::runtime();

    work_once(&rt);
    std::thread::sleep(Duration::from_nanos(SETTLE_NS));
    let before = switches_of_others();
    std::thread::sleep(Duration::from_secs_f64(seconds));
    switches_of_others() - before
}

pub fn rows() -> Vec<Row> {
    vec![
        Row { name: "mt_latency_p999", ops: 1, work: Work::Latencies(half_load) },
        Row { name: "mt_idle_switches", ops: 1, work: Work::Switches(idle_switches) },
    ]
}
