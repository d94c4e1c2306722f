// SPDX-License-Identifier: MIT
module pirn/bench

go 1.19
