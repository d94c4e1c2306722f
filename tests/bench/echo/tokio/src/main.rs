// SPDX-License-Identifier: MIT
//! An echo server as one writes it with tokio. PORT [--current-thread | --workers N]
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

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;

    println!("listening on {}", port);
    io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;

        tokio::spawn(async move {
            let _ = echo(stream).await; // a broken connection ends, as a closed one does
        });
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
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let port = args.get(1).and_then(|port| port.parse().ok());

    match (port, runtime(args.get(2..).unwrap_or(&[]))) {
        // A task of its own: it would run on this thread otherwise, which is none of the workers.
        (Some(port), Some(rt)) => rt.block_on(async { tokio::spawn(serve(port)).await.unwrap() }),
        _ => {
            eprintln!("usage: {} PORT [--current-thread | --workers N]", args[0]);
            std::process::exit(2)
        }
    }
}
