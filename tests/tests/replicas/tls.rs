//! Redis behind TLS.
//!
//! Which authorities are trusted is read from the environment, which a test cannot change in its own process: each runs
//! again in another one.

use std::{env, fs, path::PathBuf, process::Command, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs},
};
use toolgate_tests::Log;

use crate::{People, Proxy, RedisServer, Replica, wait_until};

const TRUSTED: &str = "TOOLGATE_TEST_TRUSTED";

#[tokio::test]
async fn replicas_hear_of_each_other_over_tls() {
    let Some(trusted) = in_a_process_of_its_own("tls::replicas_hear_of_each_other_over_tls") else { return };
    let authority = Authority::new("ours");
    fs::write(trusted, authority.0.pem()).unwrap();
    let (redis, people) = (RedisServer::start().await, People::default());
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let proxy = Proxy::with_tls(&redis, authority.acceptor()).await;
        replicas.push(Replica::behind(proxy, &people, |replicas| replicas).await);
    }
    for replica in &replicas {
        replica.listens().await;
    }
    let token = people.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    people.disable("harriet");
    assert_eq!(replicas[0].disabled("harriet").await, 204);
    wait_until("the other refuses too", async || !replicas[1].accepts(&token).await).await;
}

#[tokio::test]
async fn a_redis_that_no_trusted_authority_vouches_for_is_told_nothing_and_the_log_says_why() {
    let test = "tls::a_redis_that_no_trusted_authority_vouches_for_is_told_nothing_and_the_log_says_why";
    let Some(trusted) = in_a_process_of_its_own(test) else { return };
    fs::write(trusted, Authority::new("ours").0.pem()).unwrap();
    let log = Log::of_this_process();
    let (redis, people) = (RedisServer::start().await, People::default());
    let proxy = Proxy::with_tls(&redis, Authority::new("another").acceptor()).await;
    let replica = Replica::behind(proxy, &people, |replicas| replicas).await;
    wait_until("the log says why", async || {
        log.text().contains("reason=it cannot be reached: invalid peer certificate: UnknownIssuer")
    })
    .await;
    assert_eq!(replica.disabled("harriet").await, 503);
    let told: usize = redis::cmd("DBSIZE").query_async(&mut redis.connect().await).await.unwrap();
    assert_eq!(told, 0);
}

/// In the process of its own: the file with the authorities that are trusted there, for the test to write. Elsewhere
/// the test was run in that process, and passed.
fn in_a_process_of_its_own(test: &str) -> Option<PathBuf> {
    if let Some(trusted) = env::var_os(TRUSTED) {
        return Some(trusted.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authorities.pem");
    let mut process = Command::new(env::current_exe().unwrap());
    process.args(["--exact", test]).env(TRUSTED, &trusted).env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    None
}

/// A certification authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// With a certificate for loopback.
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
