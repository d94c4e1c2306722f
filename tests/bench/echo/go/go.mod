// SPDX-License-Identifier: MIT
module echo-go

go 1.19
