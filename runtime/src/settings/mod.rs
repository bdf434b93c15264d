//! Settings from outside of the program: the table of all settings, the layers that provide their values, and where each
//! value is from.
//!
//! A setting is a field of [`Config`](crate::config::Config) and an entry of the [table](setting). The layers are, from the
//! weakest to the strongest: defaults, values set in code, the configuration file, the environment, and the command line.

mod address;
mod audit;
mod environment;
mod error;
#[cfg(feature = "config-file")]
mod file;
mod layers;
mod log;
mod secret;
mod setting;
mod source;
mod traces;
mod validator_variable;
pub(crate) mod value;

pub(crate) use self::{
    address::parse_address,
    environment::{CHECK_TOKEN, CONFIG_FILE, Environment},
    layers::{CommandLine, Layers, Loaded},
    secret::{SecretVariable, read_secret},
    setting::{Kind, SETTINGS, Setting},
    validator_variable::{read_secret_variable, read_text_variable},
};
pub use self::{
    audit::AuditConfig,
    error::{ConfigError, SecretError},
    log::{LogConfig, LogFormat},
    source::{SettingValue, Source},
    traces::TracesConfig,
};
