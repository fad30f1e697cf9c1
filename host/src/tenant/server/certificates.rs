//! TLS certificates for this machine's own names, issued by a local certificate authority.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use crate::ambient::Ambient;
use crate::tenant::store::state_dir::{StateDir, StateError};

/// The CA certificate that clients are to trust.
pub(crate) const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const LEAF: &str = "localhost.pem";
const LEAF_KEY: &str = "localhost-key.pem";
/// The certificate for names below `localhost`. It is separate because rustls clients reject a
/// certificate that has such a wildcard beside other names.
const BELOW: &str = "below-localhost.pem";
const BELOW_KEY: &str = "below-localhost-key.pem";
const BELOW_NAMES: [&str; 1] = ["*.localhost"];
/// The time at which to renew the certificates, followed by the names that they were issued for,
/// one a line.
const NAMES: &str = "localhost.names";

const DAY: Duration = Duration::from_secs(86_400);
/// The lifetime of a certificate. Chromium and Safari reject one that is valid for more than 398
/// days.
const LEAF_DAYS: u32 = 397;

/// The reason why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file of the state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The certificate could not be generated.
    #[error("no certificate could be made: {0}")]
    CreationError(#[from] rcgen::Error),
    /// A stored file is not a valid certificate or key.
    #[error("{file}: {why}; remove it to have a new one made", file = .file.display())]
    Unusable {
        /// The file.
        file: std::path::PathBuf,
        /// The reason.
        why: String,
    },
}

/// Returns the TLS configuration, with the stored certificates. They are issued at the first start,
/// when they are about to expire, and when the names change.
pub(crate) fn server_config(
    state: &StateDir,
    further: &[String],
    ambient: &Ambient,
) -> Result<ServerConfig, CertificateError> {
    let names = collect_names(further);
    let now = OffsetDateTime::UNIX_EPOCH + ambient.since_epoch();
    let kept = state.read(NAMES)?.unwrap_or_default();
    let (renew_at, for_names) = kept.split_once('\n').unwrap_or_default();
    let is_for_these = for_names == names.join("\n");
    let is_fresh = renew_at.parse().is_ok_and(|at: i64| now.unix_timestamp() < at);
    let files = [LEAF, LEAF_KEY, BELOW, BELOW_KEY];
    let is_there = |file: &&str| state.read(file).map(|text| text.is_some());
    let are_there = files.iter().map(is_there).collect::<Result<Vec<_>, _>>()?;
    if !is_for_these || !is_fresh || are_there.contains(&false) {
        let ca = match open_authority(state, &names)? {
            Some(ca) if is_for_these => ca,
            _ => make_authority(state, &names, now)?,
        };
        make_leaf(state, &ca, &Leaf { names: &names, files: [LEAF, LEAF_KEY] }, now)?;
        let below = BELOW_NAMES.map(str::to_owned);
        make_leaf(state, &ca, &Leaf { names: &below, files: [BELOW, BELOW_KEY] }, now)?;
        let renew_at = (now + (LEAF_DAYS - 30) * DAY).unix_timestamp();
        state.write(NAMES, &format!("{renew_at}\n{}", names.join("\n")))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let leaves = LeafCertificates {
        own: open_leaf(state, &provider, [LEAF, LEAF_KEY])?,
        below: open_leaf(state, &provider, [BELOW, BELOW_KEY])?,
    };
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| unusable_file(state, LEAF, &error))?;
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(leaves));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Selects the certificate by the server name of the handshake.
#[derive(Debug)]
struct LeafCertificates {
    own: Arc<CertifiedKey>,
    below: Arc<CertifiedKey>,
}

impl ResolvesServerCert for LeafCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_below = hello.server_name().is_some_and(|name| name.ends_with(".localhost"));
        Some(if is_below { &self.below } else { &self.own }.clone())
    }
}

fn open_leaf(
    state: &StateDir,
    provider: &CryptoProvider,
    [leaf, leaf_key]: [&str; 2],
) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = CertificateDer::pem_file_iter(state.file(leaf)).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| unusable_file(state, leaf, &error))?;
    let key = PrivateKeyDer::from_pem_file(state.file(leaf_key));
    let key = key.map_err(|error| unusable_file(state, leaf_key, &error))?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| unusable_file(state, leaf, &error))
}

fn unusable_file(state: &StateDir, name: &str, why: &dyn std::fmt::Display) -> CertificateError {
    CertificateError::Unusable { file: state.file(name), why: why.to_string() }
}

fn collect_names(further: &[String]) -> Vec<String> {
    let further = further.iter().map(|host| host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name));
    ["localhost", "127.0.0.1", "::1"].into_iter().chain(further).map(str::to_owned).collect()
}

fn open_authority(
    state: &StateDir,
    names: &[String],
) -> Result<Option<Issuer<'static, KeyPair>>, CertificateError> {
    let (Some(_), Some(key)) = (state.read(CA)?, state.read(CA_KEY)?) else { return Ok(None) };
    let key = KeyPair::from_pem(&key).map_err(|_| CertificateError::Unusable {
        file: state.file(CA_KEY),
        why: "this is not a private key".to_owned(),
    })?;
    Ok(Some(Issuer::new(authority_params(names)?, key)))
}

fn make_authority(
    state: &StateDir,
    names: &[String],
    now: OffsetDateTime,
) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = authority_params(names)?;
    (params.not_before, params.not_after) = (now - DAY, now + 3650 * DAY);
    state.write(CA_KEY, &key.serialize_pem())?;
    state.write(CA, &params.self_signed(&key)?.pem())?;
    Ok(Issuer::new(params, key))
}

/// Returns an authority constrained to these names, so that a stolen key cannot be used to
/// impersonate other sites to those who trust the authority.
fn authority_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, "Ligature, local tenant's authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.iter().map(|name| subtree(name)).collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse() {
        Ok(IpAddr::V4(ip)) => GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(ip.octets(), 32)),
        Ok(IpAddr::V6(ip)) => GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(ip.octets(), 128)),
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

/// A server certificate: its names, and the files of the certificate and its key.
struct Leaf<'a> {
    names: &'a [String],
    files: [&'static str; 2],
}

fn make_leaf(
    state: &StateDir,
    ca: &Issuer<'_, KeyPair>,
    leaf: &Leaf<'_>,
    now: OffsetDateTime,
) -> Result<(), CertificateError> {
    let Leaf { names, files: [leaf, leaf_key] } = *leaf;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (now - DAY, now + LEAF_DAYS * DAY);
    let made = params.signed_by(&key, ca)?;
    state.write(leaf_key, &key.serialize_pem())?;
    Ok(state.write(leaf, &made.pem())?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

    use crate::ambient::Ambient;
    use crate::tenant::server::certificates::{CA, server_config};
    use crate::tenant::store::state_dir::StateDir;

    /// Performs a handshake as a rustls client, the strictest kind.
    fn handshake(state: &StateDir, name: &'static str) -> Result<(), rustls::Error> {
        let server = server_config(state, &["tenant.test:4481".to_owned()], &Ambient::system()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(state.file(CA)).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client =
            ClientConnection::new(Arc::new(client), ServerName::try_from(name).unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() {
            let mut sent = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut sent).unwrap();
            }
            server.read_tls(&mut &sent[..]).unwrap();
            server.process_new_packets()?;
            let mut sent = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut sent).unwrap();
            }
            client.read_tls(&mut &sent[..]).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn a_client_that_trusts_the_authority_trusts_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "tenant.test"] {
            assert_eq!(handshake(&state, name), Ok(()), "{name}");
        }
        assert!(handshake(&state, "elsewhere.test").is_err());
    }
}
