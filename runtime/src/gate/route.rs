//! The gate for routes of an app beside the MCP endpoint: the steps of a request before the handler of its route.

use axum::{body::Body, extract::OriginalUri, response::IntoResponse};
use http::{HeaderMap, Request, Response, Uri, header};
use tower::Service;

use super::{
    in_flight::InFlightGuard,
    pipeline::{Gate, Progress, check_audit_log},
    rejection::Rejection,
    revocable_stream,
};
use crate::{
    audit::{RequestInfo, RequiredBy},
    auth::{Access, BearerToken, GatedCaller, InsufficientScope},
    peer::Peer,
    scope::Requirement,
};

impl Gate {
    /// Handles a request to a route that requires scopes: passes it on without its token and with its caller, or records the
    /// rejection and responds with it.
    pub(crate) async fn handle_route<S>(
        &self,
        request: Request<Body>,
        requirement: &Requirement,
        inner: S,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>>,
        S::Response: IntoResponse,
    {
        let info = RequestInfo::from_headers(request.headers());
        let host_name = self.responder.host_name(request.uri(), request.headers());
        let mut progress = Progress { host_name: Some(host_name), ..Progress::new(info) };
        let peer = self.proxies.client(&request);
        let admitted = self.admit_to_route(request.uri(), request.headers(), peer, &mut progress).await;
        let mut response = match admitted {
            Ok((in_flight, access)) => {
                in_flight.hold(self.respond_to_route(request, requirement, access, info, host_name, inner).await?)
            }
            Err(rejection) => self.reject(&rejection, &progress, host_name),
        };
        progress.quotas.add_headers(response.headers_mut());
        Ok(response)
    }

    /// Decides about an admitted request, and passes it on to the handler of the route if it has the scopes.
    async fn respond_to_route<S>(
        &self,
        mut request: Request<Body>,
        requirement: &Requirement,
        access: Access,
        info: RequestInfo<'_>,
        host_name: usize,
        mut inner: S,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>>,
        S::Response: IntoResponse,
    {
        // A nested router removes its prefix from the URI.
        let original = request.extensions().get::<OriginalUri>();
        let path = original.map_or(request.uri(), |OriginalUri(uri)| uri).path();
        let route = format!("{} {path}", request.method());
        let audit = self.dispatcher.audit();
        if !requirement.is_met_by(access.caller.granted()) {
            let scopes = requirement.missing_scopes(access.caller.granted());
            audit.route(info, &access.caller, &route, Some((&scopes, RequiredBy::Operation)));
            return Ok(self.responder.step_up_of_route(&scopes, host_name));
        }
        audit.route(info, &access.caller, &route, None);
        for credentials in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION] {
            request.headers_mut().remove(credentials);
        }
        request.extensions_mut().insert(GatedCaller::new(&access.caller));
        let response = inner.call(request).await?.into_response();
        let Some(error) = response.extensions().get::<InsufficientScope>() else {
            return Ok(revocable_stream::end_with_access(response, access));
        };
        // One challenge names every scope of the route.
        let mut scopes = error.scopes().clone();
        let of_route = requirement.required_scopes(access.caller.granted());
        let further = of_route.into_iter().filter(|scope| !scopes.required.contains(scope)).collect::<Vec<_>>();
        scopes.required.splice(..0, further);
        audit.route(info, &access.caller, &route, Some((&scopes, RequiredBy::Body)));
        Ok(self.responder.step_up_of_route(&scopes, host_name))
    }

    async fn admit_to_route(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<Peer>,
        progress: &mut Progress<'_>,
    ) -> Result<(InFlightGuard, Access), Rejection> {
        self.origins.check(uri, headers)?;
        let token = BearerToken::from_headers(headers, self.max_token_bytes)?;
        let admitted = self.admit(&token, peer, progress).await?;
        check_audit_log()?;
        self.count_request(&admitted.1.caller, &mut progress.quotas).await?;
        Ok(admitted)
    }
}
