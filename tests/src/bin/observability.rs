//! Writes the files that are generated from the definitions of the metrics, such as alert rules and a dashboard.
//!
//! ```sh
//! cargo run -p toolgate-tests --bin observability
//! ```

#![forbid(unsafe_code)]

use std::{fs, io};

use toolgate_tests::observability::{generated, repository};

fn main() -> io::Result<()> {
    for (path, text) in generated() {
        fs::write(repository().join(path), text)?;
        println!("wrote {path}");
    }
    Ok(())
}
