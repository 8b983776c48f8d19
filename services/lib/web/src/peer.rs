//! The certificate that a server shows, looked at and not trusted: nothing is sent but the handshake.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tidegate_flow::{Remedy, WorldError};

use crate::validity::not_after;

/// Takes any certificate. Whoever uses the connection for more than a look has a defect.
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

/// For a look, and for tests.
pub(crate) fn trusting_anybody() -> Result<ClientConfig, rustls::Error> {
    let provider = aws_lc_rs::default_provider();
    Ok(ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

/// When the certificate ends that the server at `address` shows for `name`: seconds since 1970.
///
/// # Errors
///
/// [`Remedy::Operator`]: no TLS is spoken there, or what is shown cannot be read; [`Remedy::Retry`]: no answer in time.
pub fn certificate_end(address: SocketAddr, name: &str, timeout: Duration) -> Result<i64, WorldError> {
    let deadline = Instant::now() + timeout;
    let silent = |error| WorldError::caused(Remedy::Retry, format!("{address} does not answer"), error);
    let mut stream = TcpStream::connect_timeout(&address, timeout).map_err(silent)?;
    stream.set_read_timeout(Some(timeout)).map_err(silent)?;
    stream.set_write_timeout(Some(timeout)).map_err(silent)?;
    let unusable = |error: rustls::Error| WorldError::new(Remedy::Operator, format!("no TLS with {address}: {error}"));
    let config = trusting_anybody().map_err(unusable)?;
    let server =
        ServerName::try_from(name.to_owned()).map_err(|_| WorldError::new(Remedy::Operator, format!("`{name}` is no name of a host")))?;
    let mut connection = ClientConnection::new(Arc::new(config), server).map_err(unusable)?;
    // The certificate is there before the handshake is over; a server that then refuses us, who show none, has said enough.
    while connection.peer_certificates().is_none() {
        if Instant::now() > deadline {
            return Err(WorldError::new(Remedy::Retry, format!("no TLS with {address} within {timeout:?}")));
        }
        while connection.wants_write() {
            connection.write_tls(&mut stream).map_err(silent)?;
        }
        let mut bytes = [0; 16 * 1024];
        let count = match stream.read(&mut bytes) {
            Ok(0) => {
                return Err(WorldError::new(
                    Remedy::Operator,
                    format!("{address} ends the connection: TLS is not spoken there"),
                ));
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(WorldError::new(
                    Remedy::Operator,
                    format!("{address} does not answer a TLS handshake: TLS is not spoken there"),
                ));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(WorldError::caused(
                    Remedy::Operator,
                    format!("{address} breaks the connection: TLS is not spoken there"),
                    error,
                ));
            }
        };
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            let taken = connection.read_tls(&mut rest).map_err(silent)?;
            let processed = connection.process_new_packets();
            if connection.peer_certificates().is_none() {
                processed.map_err(unusable)?;
            }
            if taken == 0 {
                break;
            }
        }
    }
    let shown = connection.peer_certificates().and_then(|chain| chain.first());
    shown
        .and_then(|certificate| not_after(certificate))
        .ok_or_else(|| WorldError::new(Remedy::Operator, format!("the certificate of {address} cannot be read")))
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
