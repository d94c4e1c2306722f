// SPDX-License-Identifier: MIT

// An echo server as one writes it in Go. PORT [--workers N]
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
)

func echo(c net.Conn) {
	buffer := make([]byte, 4096)
	defer c.Close()
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	if len(os.Args) == 4 && os.Args[2] == "--workers" {
		if n, err := strconv.Atoi(os.Args[3]); err == nil {
			runtime.GOMAXPROCS(n)
		}
	} else if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s PORT [--workers N]\n", os.Args[0])
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", os.Args[1])
	for {
		c, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(c)
	}
}
