//! TLS for links and for our own ports: certificates from files, read again when the files change.
//!
//! A file is looked at whenever a connection is made or accepted; connections that are open keep what they have. Files
//! that cannot be used leave the last good ones in place.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::wire::limits::LOGIN_SECONDS;

/// How long a peer may take for its side of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(LOGIN_SECONDS);

/// How often somebody asked for all certificates to be read again.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Reads every certificate again at the next connection, whether its file looks changed or not: what SIGHUP asks for.
pub fn reload_all() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// Names the cryptography for every library of the process that asks for a default. May be called more than once.
pub fn install_provider() {
    // One that stands already is as good.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// Where a server's certificates are, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// Our certificate, then those between it and the root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of the clients' certificates; with it a client without one is refused.
    pub client_ca: Option<PathBuf>,
}

/// Where a client's certificates are, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// Roots of the server's certificate; no other roots are trusted.
    pub ca: PathBuf,
    /// Our certificate and its private key, for servers that ask.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name in the server's certificate, when it is not the host that is dialed.
    pub server_name: Option<String>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or is no PEM.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: rustls::pki_types::pem::Error,
    },
    /// A file without what it is for.
    #[error("{path}: expected at least one certificate, found none")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// They do not fit each other, or nothing we know.
    #[error("{path}: {error}")]
    Unusable {
        /// The file with the certificate.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// A name that no certificate can have.
    #[error("server_name: expected a host name or an address, found '{0}'")]
    Name(String),
}

/// A connection, with TLS or without.
#[derive(Debug)]
pub enum Stream {
    /// Without.
    Plain(TcpStream),
    /// With.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The server's side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsServer(Arc<Kept<ServerFiles, ServerConfig>>);

impl TlsServer {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn new(files: ServerFiles) -> Result<Self, TlsError> {
        let mut paths = vec![files.cert.clone(), files.key.clone()];
        paths.extend(files.client_ca.clone());
        Ok(Self(Arc::new(Kept::new(files, paths, server_config)?)))
    }

    /// Takes up a connection: the handshake, within its time. Run it where nobody else waits.
    ///
    /// # Errors
    /// The client's certificate, its patience, or its socket.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let accepted = TlsAcceptor::from(self.0.current()).accept(stream);
        let stream = timeout(HANDSHAKE, accepted).await.map_err(|_| handshake_timeout())??;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
    }
}

/// The client's side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsClient {
    kept: Arc<Kept<ClientFiles, ClientConfig>>,
    name: Option<ServerName<'static>>,
}

impl TlsClient {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn new(files: ClientFiles) -> Result<Self, TlsError> {
        let name = files.server_name.as_deref().map(server_name).transpose()?;
        let mut paths = vec![files.ca.clone()];
        if let Some((cert, key)) = &files.identity {
            paths.extend([cert.clone(), key.clone()]);
        }
        Ok(Self { kept: Arc::new(Kept::new(files, paths, client_config)?), name })
    }

    /// The handshake on a connection to `host`, whose name the certificate must have unless another was configured.
    ///
    /// # Errors
    /// The server's certificate, its patience, or its socket.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        let connected = TlsConnector::from(self.kept.current()).connect(name, stream);
        let stream = timeout(HANDSHAKE, connected).await.map_err(|_| handshake_timeout())??;
        Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
    }
}

/// Connects to `host:port`, with TLS when there is some.
///
/// # Errors
/// The network's, or the handshake's.
pub async fn dial(address: String, tls: Option<TlsClient>) -> io::Result<Stream> {
    let stream = TcpStream::connect(&address).await?;
    match tls {
        None => Ok(Stream::Plain(stream)),
        Some(tls) => {
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            tls.connect(host.trim_start_matches('[').trim_end_matches(']'), stream).await
        }
    }
}

fn handshake_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no TLS handshake within {} s", HANDSHAKE.as_secs()))
}

fn server_name(text: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(text.to_owned()).map_err(|_| TlsError::Name(text.to_owned()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_config(files: &ServerFiles) -> Result<ServerConfig, TlsError> {
    let unusable =
        |error: &dyn std::fmt::Display| TlsError::Unusable { path: files.cert.clone(), error: error.to_string() };
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unusable(&error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            let wrong =
                |error: &dyn std::fmt::Display| TlsError::Unusable { path: path.clone(), error: error.to_string() };
            builder.with_client_cert_verifier(verifier.map_err(|error| wrong(&error))?)
        }
    };
    builder.with_single_cert(certificates(&files.cert)?, key(&files.key)?).map_err(|error| unusable(&error))
}

fn client_config(files: &ClientFiles) -> Result<ClientConfig, TlsError> {
    let unusable =
        |path: &Path, error: rustls::Error| TlsError::Unusable { path: path.into(), error: error.to_string() };
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unusable(&files.ca, error))?;
    let builder = builder.with_root_certificates(roots(&files.ca)?);
    match &files.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, path)) => {
            builder.with_client_auth_cert(certificates(cert)?, key(path)?).map_err(|error| unusable(cert, error))
        }
    }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::Unusable { path: path.into(), error: error.to_string() })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error| TlsError::File { path: path.into(), error };
    let all = CertificateDer::pem_file_iter(path).map_err(wrong)?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if all.is_empty() { Err(TlsError::Empty { path: path.into() }) } else { Ok(all) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File { path: path.into(), error })
}

/// What was made from files, and how they looked then.
#[derive(Debug)]
struct Kept<F, T> {
    files: F,
    paths: Vec<PathBuf>,
    build: fn(&F) -> Result<T, TlsError>,
    loaded: Mutex<Loaded<T>>,
}

#[derive(Debug)]
struct Loaded<T> {
    value: Arc<T>,
    looks: Looks,
}

/// What changes when a file does: when it was written, how long it is, and which file it is.
#[derive(Debug, PartialEq, Eq)]
struct Looks {
    asked: u64,
    files: Vec<Option<(SystemTime, u64, u64)>>,
}

impl<F, T> Kept<F, T> {
    fn new(files: F, paths: Vec<PathBuf>, build: fn(&F) -> Result<T, TlsError>) -> Result<Self, TlsError> {
        // Looked at first: a change in between is found next time.
        let looks = looks(&paths);
        let loaded = Mutex::new(Loaded { value: Arc::new(build(&files)?), looks });
        Ok(Self { files, paths, build, loaded })
    }

    fn current(&self) -> Arc<T> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = looks(&self.paths);
        if loaded.looks != looks {
            loaded.looks = looks;
            match (self.build)(&self.files) {
                Ok(value) => {
                    loaded.value = Arc::new(value);
                    tracing::info!(file = %self.paths[0].display(), "certificates read again");
                }
                // Certificate and key are seldom replaced at the same moment: the next look finds both.
                Err(error) => tracing::warn!(%error, "certificates not read again, the last good ones stay in use"),
            }
        }
        Arc::clone(&loaded.value)
    }
}

fn looks(paths: &[PathBuf]) -> Looks {
    let look = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino()))
    };
    Looks { asked: ASKED.load(Ordering::Relaxed), files: paths.iter().map(look).collect() }
}

impl Stream {
    /// Small frames go out at once.
    ///
    /// # Errors
    /// The socket's.
    pub fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.set_nodelay(true),
            Self::Tls(stream) => stream.get_ref().0.set_nodelay(true),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
