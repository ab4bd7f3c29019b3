//! An HTTP/1.1 origin server that answers as a test tells it to.
//!
//! It is written out by hand rather than taken from a library, because tests need an origin that
//! misbehaves: that answers half, never, or something no library would send.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use ratchet_plugin_api::Stream;
use tokio::io::BufReader;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent: path and query, or a whole URL when this serves as a proxy.
    pub target: String,
    /// Header names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a header, its name given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What to answer.
pub struct Reply {
    /// The status line's number and words.
    pub status: (u16, &'static str),
    /// Header names and values. `content-length` or `transfer-encoding` are added to fit the body
    /// where a length is not given.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A body to answer with.
pub enum Body {
    /// All at once.
    Whole(Bytes),
    /// Piece by piece, in chunked encoding unless the headers give a `content-length`. An error
    /// in the stream breaks the connection off.
    Pieces(Stream<Bytes>),
}

impl Reply {
    /// An answer with this status and no body.
    pub fn status(number: u16, words: &'static str) -> Self {
        Self { status: (number, words), headers: Vec::new(), body: Body::Whole(Bytes::new()) }
    }

    /// `200 OK` with this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self { body: Body::Whole(body.into()), ..Self::status(200, "OK") }
    }

    /// `200 OK` with a body that arrives in pieces.
    pub fn pieces(pieces: Stream<Bytes>) -> Self {
        Self { body: Body::Pieces(pieces), ..Self::status(200, "OK") }
    }

    /// A redirect to `location`.
    pub fn redirect(number: u16, location: impl Into<String>) -> Self {
        Self::status(number, "Elsewhere").with("location", location)
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// What a server does with requests.
pub type Handler = Arc<dyn Fn(Request) -> Answer + Send + Sync>;

/// Makes a [`Handler`] of an async closure.
pub fn handler<F, A>(answer: F) -> Handler
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    Arc::new(move |request| Box::pin(answer(request)))
}

/// What has happened at a server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that have ended.
    pub closed: u64,
    /// Requests read to their end.
    pub requests: u64,
    /// Bytes of bodies written.
    pub written: u64,
}

/// Counts what happens at a server, and lets tests wait for it.
#[derive(Clone, Debug)]
pub struct Counter(Arc<watch::Sender<Counts>>);

impl Default for Counter {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Counts::default())))
    }
}

impl Counter {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.0.send_modify(change);
    }

    /// What has happened so far.
    pub fn now(&self) -> Counts {
        *self.0.borrow()
    }

    /// Waits until `reached` is true of what has happened.
    pub async fn until(&self, reached: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.0.subscribe();
        let outcome = counts.wait_for(reached).await.map(|counts| *counts);
        // `self` holds the sending end, so the wait cannot fail.
        outcome.unwrap_or_default()
    }
}

/// A server on a loopback port chosen by the system; it stops when it is dropped.
///
/// ```
/// use ratchet_testkit::http_server::{HttpServer, Reply};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = HttpServer::start(|request| async move { Reply::ok(request.target) }).await;
///
/// let mut client = tokio::net::TcpStream::connect(server.address()).await?;
/// client.write_all(b"GET /hello HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n").await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
///
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/hello"));
/// assert_eq!(server.counts().now().requests, 1);
/// # std::io::Result::Ok(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    counter: Counter,
    accepting: JoinHandle<()>,
}

impl HttpServer {
    /// Starts a server that answers with `answer`.
    ///
    /// # Panics
    /// When the system gives no port.
    pub async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(listener) => listener,
            Err(error) => panic!("no loopback port: {error}"),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("a listener without an address: {error}"),
        };
        let (handler, counter) = (handler(answer), Counter::default());
        let accepting = tokio::spawn({
            let counter = counter.clone();
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    let _ = connection.set_nodelay(true);
                    tokio::spawn(serve(connection, Arc::clone(&handler), counter.clone()));
                }
            }
        });
        Self { address, counter, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path` (which begins with `/`) on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops listening, and gives the URL at which nothing listens any more.
    pub async fn vacate(mut self) -> String {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.url("/")
    }

    /// What has happened here so far.
    pub fn counts(&self) -> &Counter {
        &self.counter
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one connection to its end; for servers of another transport, such as TLS.
pub async fn serve<C>(connection: C, handler: Handler, counter: Counter)
where
    C: AsyncRead + AsyncWrite + Send + Unpin,
{
    counter.count(|counts| counts.connections += 1);
    let (reader, mut writer) = tokio::io::split(connection);
    let mut reader = BufReader::new(reader);
    while let Ok(Some(request)) = read_request(&mut reader).await {
        counter.count(|counts| counts.requests += 1);
        let close = request.header("connection").is_some_and(|value| value == "close");
        let bodiless = request.method == "HEAD";
        let reply = tokio::select! {
            reply = handler(request) => reply,
            () = hung_up(&mut reader) => break,
        };
        let written = tokio::select! {
            written = write_reply(&mut writer, reply, bodiless, &counter) => written,
            () = hung_up(&mut reader) => break,
        };
        if written.is_err() || close {
            break;
        }
    }
    let _ = writer.shutdown().await;
    counter.count(|counts| counts.closed += 1);
}

/// Ends when the client closes the connection; a request sent ahead of its turn is left alone.
async fn hung_up(reader: &mut (impl AsyncBufRead + Unpin)) {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

async fn read_request<R: AsyncBufRead + Unpin>(reader: &mut R) -> std::io::Result<Option<Request>> {
    let first = read_line(reader).await?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader).await?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let size = read_line(reader).await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            let start = request.body.len();
            request.body.resize(start + size, 0);
            reader.read_exact(&mut request.body[start..]).await?;
            read_line(reader).await?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(std::io::Error::other)?;
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).await?;
    }
    Ok(Some(request))
}

/// The next line without its end; empty at the end of the input.
async fn read_line<R: AsyncBufRead + Unpin>(reader: &mut R) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

async fn write_reply<W: AsyncWrite + Unpin>(
    writer: &mut W,
    reply: Reply,
    bodiless: bool,
    counter: &Counter,
) -> std::io::Result<()> {
    let (number, words) = reply.status;
    let mut head = format!("HTTP/1.1 {number} {words}\r\n");
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has =
        |wanted: &str| reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let chunked = !has("content-length");
    let empty_by_nature = number == 204 || number == 304 || number < 200;
    match &reply.body {
        Body::Whole(body) if !has("content-length") && !empty_by_nature => {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        Body::Pieces(_) if chunked => {
            head.push_str("transfer-encoding: chunked\r\n");
        }
        _ => {}
    }
    head.push_str("\r\n");
    writer.write_all(head.as_bytes()).await?;
    writer.flush().await?;
    if bodiless || empty_by_nature {
        return Ok(());
    }
    match reply.body {
        Body::Whole(body) => {
            writer.write_all(&body).await?;
            counter.count(|counts| counts.written += body.len() as u64);
        }
        Body::Pieces(mut pieces) => {
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(std::io::Error::other)?;
                if chunked {
                    writer.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                }
                writer.write_all(&piece).await?;
                if chunked {
                    writer.write_all(b"\r\n").await?;
                }
                writer.flush().await?;
                counter.count(|counts| counts.written += piece.len() as u64);
            }
            if chunked {
                writer.write_all(b"0\r\n\r\n").await?;
            }
        }
    }
    writer.flush().await
}
