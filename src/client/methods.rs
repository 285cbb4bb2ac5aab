//! Methods of both clients that begin a request.

/// Defines `request`, `get`, `head`, `post`, `put`, `patch` and `delete` of a client. They return `$Request`.
macro_rules! request_methods {
    ($Client:ident, $Request:ident) => {
        impl $Client {
            /// Returns a request with any method, `"GET"` or `Method::GET`, for a path under the base
            /// URL.
            pub fn request<M>(&self, method: M, path: impl AsRef<str>) -> $Request
            where
                http::Method: TryFrom<M>,
            {
                let method = http::Method::try_from(method).map_err(|_| {
                    api_ratelimiter_core::Error::request("method", "is not a valid HTTP method")
                });
                $Request::new(self.clone(), self.settings(), method, path.as_ref())
            }

            /// Returns a GET request.
            pub fn get(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::GET, path)
            }

            /// Returns a HEAD request.
            pub fn head(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::HEAD, path)
            }

            /// Returns a POST request.
            pub fn post(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::POST, path)
            }

            /// Returns a PUT request.
            pub fn put(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::PUT, path)
            }

            /// Returns a PATCH request.
            pub fn patch(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::PATCH, path)
            }

            /// Returns a DELETE request.
            pub fn delete(&self, path: impl AsRef<str>) -> $Request {
                self.request(http::Method::DELETE, path)
            }
        }
    };
}

pub(crate) use request_methods;
