//! A certificate for this machine's own names, from an authority made for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::state_dir::{StateDir, StateError};

/// The file that clients are told to trust.
pub(super) const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const LEAF: &str = "localhost.pem";
const LEAF_KEY: &str = "localhost-key.pem";
/// The names that the leaf was made for, one a line, behind when to renew it.
const NAMES: &str = "localhost.names";

const DAY: Duration = Duration::from_secs(86_400);
/// Chromium and Safari take no leaf that lives longer than 398 days.
const LEAF_DAYS: u32 = 397;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// It could not be made.
    #[error("no certificate could be made: {0}")]
    NotMade(#[from] rcgen::Error),
    /// It is none.
    #[error("{file}: {why}; remove it to have a new one made", file = .file.display())]
    Unusable {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        why: String,
    },
}

/// How TLS is served: with the certificate that is kept, made at the first
/// start, when it is about to expire, and when the names are others.
pub(super) fn server_config(state: &StateDir, further: &[String]) -> Result<ServerConfig, CertificateError> {
    let names = names(further);
    let now = OffsetDateTime::now_utc();
    let kept = state.read(NAMES)?.unwrap_or_default();
    let (renew_at, for_names) = kept.split_once('\n').unwrap_or_default();
    let is_for_these = for_names == names.join("\n");
    let is_fresh = renew_at.parse().is_ok_and(|at: i64| now.unix_timestamp() < at);
    if !is_for_these || !is_fresh || state.read(LEAF)?.is_none() || state.read(LEAF_KEY)?.is_none() {
        let ca = match kept_authority(state, &names)? {
            Some(ca) if is_for_these => ca,
            _ => make_authority(state, &names, now)?,
        };
        make_leaf(state, &ca, &names, now)?;
    }
    let unusable = |name: &str, why: String| CertificateError::Unusable { file: state.file(name), why };
    let chain = CertificateDer::pem_file_iter(state.file(LEAF)).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| unusable(LEAF, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(state.file(LEAF_KEY));
    let key = key.map_err(|error| unusable(LEAF_KEY, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(LEAF, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn names(further: &[String]) -> Vec<String> {
    let further = further.iter().map(|host| host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name));
    ["localhost", "*.localhost", "127.0.0.1", "::1"].into_iter().chain(further).map(str::to_owned).collect()
}

fn kept_authority(
    state: &StateDir,
    names: &[String],
) -> Result<Option<Issuer<'static, KeyPair>>, CertificateError> {
    let (Some(_), Some(key)) = (state.read(CA)?, state.read(CA_KEY)?) else { return Ok(None) };
    let key = KeyPair::from_pem(&key).map_err(|_| CertificateError::Unusable {
        file: state.file(CA_KEY),
        why: "this is no private key".to_owned(),
    })?;
    Ok(Some(Issuer::new(authority(names)?, key)))
}

fn make_authority(
    state: &StateDir,
    names: &[String],
    now: OffsetDateTime,
) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = authority(names)?;
    (params.not_before, params.not_after) = (now - DAY, now + 3650 * DAY);
    state.write(CA_KEY, &key.serialize_pem())?;
    state.write(CA, &params.self_signed(&key)?.pem())?;
    Ok(Issuer::new(params, key))
}

/// An authority for these names only, so that whoever gets its key cannot play
/// other sites to those who trust it.
fn authority(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
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
        Err(_) => GeneralSubtree::DnsName(name.trim_start_matches("*.").to_owned()),
    }
}

fn make_leaf(
    state: &StateDir,
    ca: &Issuer<'_, KeyPair>,
    names: &[String],
    now: OffsetDateTime,
) -> Result<(), CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (now - DAY, now + LEAF_DAYS * DAY);
    let leaf = params.signed_by(&key, ca)?;
    state.write(LEAF_KEY, &key.serialize_pem())?;
    state.write(LEAF, &leaf.pem())?;
    let renew_at = (now + (LEAF_DAYS - 30) * DAY).unix_timestamp();
    state.write(NAMES, &format!("{renew_at}\n{}", names.join("\n")))?;
    Ok(())
}
