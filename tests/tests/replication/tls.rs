//! TLS between a replica and Redis.
//!
//! The trusted authorities are read from environment variables, which a test cannot set for its own process. Each test
//! therefore runs itself again in another process.

use std::{env, fs, path::PathBuf, process::Command, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs},
};
use toolgate_tests::{CapturedLog, eventually};

use crate::{Proxy, RedisServer, Replica, Users};

const TRUSTED: &str = "TEST_TRUSTED";

#[tokio::test]
async fn revocations_are_replicated_over_tls() {
    let Some(trusted) = rerun_with_trusted_authorities("tls::revocations_are_replicated_over_tls") else { return };
    let authority = Authority::new("ours");
    fs::write(trusted, authority.0.pem()).unwrap();
    let (redis, users) = (RedisServer::start().await, Users::default());
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let proxy = Proxy::with_tls(&redis, authority.acceptor()).await;
        replicas.push(Replica::start_with_proxy(proxy, &users, |replication| replication).await);
    }
    for replica in &replicas {
        replica.wait_until_connected().await;
    }
    let token = users.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    users.disable("harriet");
    assert_eq!(replicas[0].disabled("harriet").await, 204);
    eventually("the other replica rejects the token", async || !replicas[1].accepts(&token).await).await;
}

#[tokio::test]
async fn an_untrusted_certificate_prevents_the_connection_and_is_logged() {
    let test = "tls::an_untrusted_certificate_prevents_the_connection_and_is_logged";
    let Some(trusted) = rerun_with_trusted_authorities(test) else { return };
    fs::write(trusted, Authority::new("ours").0.pem()).unwrap();
    let log = CapturedLog::start();
    let (redis, users) = (RedisServer::start().await, Users::default());
    let proxy = Proxy::with_tls(&redis, Authority::new("another").acceptor()).await;
    let replica = Replica::start_with_proxy(proxy, &users, |replication| replication).await;
    eventually("the reason is logged", async || {
        log.of_this_process().contains("Redis cannot be reached: invalid peer certificate: UnknownIssuer")
    })
    .await;
    assert_eq!(replica.disabled("harriet").await, 503);
    let keys: usize = redis::cmd("DBSIZE").query_async(&mut redis.connect().await).await.unwrap();
    assert_eq!(keys, 0, "nothing was written");
}

/// In the other process, returns the path of the trusted authorities, which the test writes. In the first process, runs
/// the test in the other one and returns `None`.
fn rerun_with_trusted_authorities(test: &str) -> Option<PathBuf> {
    if let Some(trusted) = env::var_os(TRUSTED) {
        return Some(trusted.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authorities.pem");
    let mut process = Command::new(env::current_exe().unwrap());
    process.args(["--exact", test]).env(TRUSTED, &trusted).env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    let output = process.output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    None
}

/// A certification authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns an acceptor with a certificate for loopback.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key.into())
            .unwrap();
        Arc::new(config).into()
    }
}
