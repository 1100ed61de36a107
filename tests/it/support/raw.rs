//! gRPC calls of raw bytes: what a generated client would never send. And HTTP as plain as it goes.

use std::net::SocketAddr;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A unary call.
pub(crate) async fn call(channel: Channel, path: &'static str, message: Bytes) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    Ok(client.unary(Request::new(message), path, Raw).await?.into_inner())
}

/// A call with a stream of one message both ways: the first answer, or why there is none.
pub(crate) async fn call_stream(
    channel: Channel,
    path: &'static str,
    message: Bytes,
) -> Result<Option<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let up = tokio_stream::once(message);
    let mut down = client.streaming(Request::new(up), path, Raw).await?.into_inner();
    down.message().await
}

/// What a relay's metrics and health say.
pub(crate) async fn http_get(address: SocketAddr, path: &str) -> String {
    String::from_utf8(http_get_bytes(address, path).await).unwrap()
}

/// An answer as it came.
pub(crate) async fn http_get_bytes(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    answer
}
