//! TLS: certificates from files or made here, and a socket with or without it. I/O.

use std::{
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    Accept, TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
    server::TlsStream,
};

/// The certificate that the emulator shows, for [`Emulator::serve_tls_until`](crate::Emulator::serve_tls_until).
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

/// Why there is no TLS with a certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or has no certificate or no key in PEM.
    #[error("{}: {source}", file.display())]
    File {
        /// Its path.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificate.
    #[error("{}: there is no certificate in it", file.display())]
    NoCertificate {
        /// Its path.
        file: PathBuf,
    },
    /// Certificate and key don't belong together, or are of an unknown kind.
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    Made(#[from] rcgen::Error),
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// With a certificate, those behind it if there are any, and its key, in PEM.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::File { file, source }
        };
        let certificates = CertificateDer::pem_file_iter(certificate).map_err(wrong(certificate))?;
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(wrong(certificate))?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { file: certificate.to_owned() });
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(wrong(key))?;
        Self::of(certificates, key)
    }

    /// With a certificate that is made for this purpose, for `localhost` and some addresses, by an authority that signs nothing else; with the
    /// authority's certificate in PEM, which clients have to trust.
    pub fn made_for(addresses: &[IpAddr]) -> Result<(Self, String), TlsError> {
        let named = |name: &str, names: Vec<String>| {
            let mut parameters = CertificateParams::new(names)?;
            parameters.distinguished_name = DistinguishedName::new();
            parameters.distinguished_name.push(DnType::CommonName, name);
            // Python asks for it in every certificate but the root.
            parameters.use_authority_key_identifier_extension = true;
            Ok::<_, rcgen::Error>(parameters)
        };
        let mut authority = named("greengrass-emulator", Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut names: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned).into();
        names.extend(
            addresses.iter().map(ToString::to_string).filter(|address| !names.contains(address)).collect::<Vec<_>>(),
        );
        let mut own = named("greengrass-emulator's server", names)?;
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = own.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|problem| rustls::Error::General(problem.to_owned()))?;
        Ok((Self::of(vec![certificate.der().clone()], key)?, authority.pem()))
    }

    fn of(certificates: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        Ok(Self(Arc::new(config)))
    }
}

/// A connection's socket. The handshake is a part of reading, so that the time for the head of a request is the time for it too.
pub(super) enum Socket {
    Plain(TcpStream),
    Greeting(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    pub(super) fn new(stream: TcpStream, tls: Option<&Tls>) -> Self {
        match tls {
            Some(Tls(config)) => Self::Greeting(Box::new(TlsAcceptor::from(Arc::clone(config)).accept(stream))),
            None => Self::Plain(stream),
        }
    }

    /// Closing resets the connection from now on.
    pub(super) fn set_zero_linger(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.set_zero_linger(),
            Self::Greeting(accept) => accept.get_ref().map_or(Ok(()), TcpStream::set_zero_linger),
            Self::Tls(stream) => stream.get_ref().0.set_zero_linger(),
        }
    }

    /// Writes without waiting, where that can be done: not in the middle of TLS.
    pub(super) fn try_write(&self, bytes: &[u8]) {
        match self {
            Self::Plain(stream) => drop(stream.try_write(bytes)),
            Self::Greeting(_) | Self::Tls(_) => {}
        }
    }

    fn poll_greeted(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Greeting(accept) = self {
            let stream = ready!(Pin::new(&mut **accept).poll(context))?;
            *self = Self::Tls(Box::new(stream));
        }
        Poll::Ready(Ok(()))
    }

    fn established(&mut self) -> Option<Pin<&mut (dyn Stream + 'static)>> {
        match self {
            Self::Plain(stream) => Some(Pin::new(stream)),
            Self::Greeting(_) => None,
            Self::Tls(stream) => Some(Pin::new(&mut **stream)),
        }
    }

    fn poll_with<T>(
        &mut self,
        context: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut (dyn Stream + 'static)>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        ready!(self.poll_greeted(context))?;
        match self.established() {
            Some(stream) => act(stream, context),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// What a connection is, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_with(context, |stream, context| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing has been written before the greeting, and what is flushed then would wait for the client.
        if matches!(*self, Self::Greeting(_)) {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(context, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(*self, Self::Greeting(_)) {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(context, AsyncWrite::poll_shutdown)
    }
}
