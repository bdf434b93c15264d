//! Methods that set the limits of requests, which all validators with an [`HttpClient`](super::http_client::HttpClient)
//! have.

/// Adds the methods that set time limits to a validator. The argument is the field with its HTTP client.
macro_rules! time_limit_methods {
    ($($http:ident).+) => {
        /// Sets the time limit for establishing a connection, TLS included. Default: 2 seconds.
        pub fn connect_timeout(mut self, connect_timeout: ::std::time::Duration) -> Self {
            self.$($http).+.change_limits(|limits| limits.connect_timeout = connect_timeout);
            self
        }

        /// Sets the time limit for a request, from connecting to the last byte of the response. Default: 5 seconds.
        pub fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.$($http).+.change_limits(|limits| limits.timeout = timeout);
            self
        }
    };
}

/// Adds the method that sets the maximum size of a response about a token. The argument is the field with its HTTP client.
macro_rules! response_limit_method {
    ($($http:ident).+) => {
        /// Sets the maximum size of a response about a token, in bytes. Default: 64 KiB. (Metadata may have 1 MiB.) A
        /// response may have at most 4,096 JSON values.
        pub fn max_response_bytes(mut self, bytes: usize) -> Self {
            self.$($http).+.change_limits(|limits| limits.max_response_bytes = bytes);
            self
        }
    };
}

pub(crate) use response_limit_method;
pub(crate) use time_limit_methods;
