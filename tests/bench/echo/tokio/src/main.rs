// SPDX-License-Identifier: MIT
//! An echo server as one writes it with tokio. PORT [--current-thread | --workers N] [--resting]
use std::io::{self, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0u8; 4096];

    loop {
        let got = stream.read(&mut buffer).await?;

        if got == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..got]).await?;
    }
}

/// For connections that send a little, now and then: none keeps a buffer while it waits.
async fn echo_resting(stream: TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        if !echo_once(&stream)? {
            return Ok(());
        }
    }
}

/// Echoes what is there; false: the end. The socket has room for what so small a client sends.
fn echo_once(stream: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0u8; 4096];
    let got = match stream.try_read(&mut buffer) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        got => got?,
    };

    if got > 0 && stream.try_write(&buffer[..got])? < got {
        return Err(io::ErrorKind::Other.into());
    }
    Ok(got > 0)
}

async fn serve(port: u16, resting: bool) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;

    println!("listening on {}", port);
    io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;

        // A broken connection ends, as a closed one does.
        if resting {
            tokio::spawn(async move { echo_resting(stream).await.is_ok() });
        } else {
            tokio::spawn(async move { echo(stream).await.is_ok() });
        }
    }
}

fn runtime(args: &[&str]) -> Option<Runtime> {
    let mut builder = match args {
        ["--current-thread"] => Builder::new_current_thread(),
        ["--workers", n] => {
            let mut builder = Builder::new_multi_thread();

            builder.worker_threads(n.parse().ok()?);
            builder
        }
        [] => Builder::new_multi_thread(),
        _ => return None,
    };

    builder.enable_io().build().ok()
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let resting = args.last() == Some(&"--resting");

    if resting {
        args.pop();
    }
    let port = args.get(1).and_then(|port| port.parse().ok());

    match (port, runtime(args.get(2..).unwrap_or(&[]))) {
        // A task of its own: it would run on this thread otherwise, which is none of the workers.
        (Some(port), Some(rt)) => rt.block_on(async { tokio::spawn(serve(port, resting)).await.unwrap() }),
        _ => {
            eprintln!("usage: {} PORT [--current-thread | --workers N] [--resting]", args[0]);
            std::process::exit(2)
        }
    }
}
