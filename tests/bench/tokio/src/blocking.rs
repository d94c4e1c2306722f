// SPDX-License-Identifier: MIT
//! The spawn_blocking rows: what does it cost to have a thread of the pool run a function?
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::{ct, expect, mt, Row, Work};

const SEQ: u64 = 1_000;
const BATCH: u64 = 16;
const BATCHES: u64 = 100;

/// Spawns a batch, awaits it, and spawns the next.
fn batches(rt: Runtime, count: u64, size: u64, expected: u64) -> Box<dyn FnMut()> {
    let mut joins: Vec<JoinHandle<u64>> = Vec::with_capacity(size as usize);

    Box::new(move || {
        let sum = rt.block_on(async {
            let mut sum = 0;

            for batch in 0..count {
                for i in batch * size..(batch + 1) * size {
                    joins.push(tokio::task::spawn_blocking(move || i));
                }
                for join in joins.drain(..) {
                    sum += join.await.unwrap();
                }
            }
            sum
        });
        expect("spawn_blocking", sum, expected);
    })
}

fn ct_seq() -> Box<dyn FnMut()> {
    batches(ct::runtime(), SEQ, 1, 499500)
}

fn mt_seq() -> Box<dyn FnMut()> {
    batches(mt::runtime(), SEQ, 1, 499500)
}

fn mt_batch() -> Box<dyn FnMut()> {
    batches(mt::runtime(), BATCHES, BATCH, 1279200)
}

pub fn rows() -> Vec<Row> {
    vec![
        Row { name: "ct_spawn_blocking_seq", ops: SEQ, work: Work::Time(ct_seq) },
        Row { name: "mt_spawn_blocking_seq", ops: SEQ, work: Work::Time(mt_seq) },
        Row {
            name: "mt_spawn_blocking_batch16",
            ops: BATCHES * BATCH,
            work: Work::Time(mt_batch),
        },
    ]
}
