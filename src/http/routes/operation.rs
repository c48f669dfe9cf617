//! One operation of the API: its route, and its entry in the published document.

use actix_web::dev::{AppService, Handler, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{FromRequest, Resource, Responder, guard};
use utoipa::openapi::path::{HttpMethod, Operation as Entry, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    Content, PathItem, PathsBuilder, Ref as SchemaRef, RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::OpenApiFactory;

use crate::model::types::Ref;

/// Components of the document and their names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

const JSON: &str = "application/json";

/// An operation. [`ServiceConfig::service`](utoipa_actix_web::service_config::ServiceConfig::service) registers its route
/// and adds its entry to the document.
pub struct Operation {
    method: HttpMethod,
    path: String,
    entry: Entry,
    schemas: Schemas,
    route: Resource,
}

impl Operation {
    /// An operation of a tag. The generated clients name a method after the `id`.
    pub fn new<F, Args>(method: HttpMethod, path: &str, id: String, tag: &str, handler: F) -> Operation
    where
        F: Handler<Args>,
        F::Output: Responder + 'static,
        Args: FromRequest + 'static,
    {
        let mut entry = Entry::default();
        entry.tags = Some(vec![tag.to_owned()]);
        entry.operation_id = Some(id);
        let route = route(&method, path, handler);
        Operation { method, path: path.to_owned(), entry, schemas: Schemas::new(), route }
    }

    /// Replaces the handler.
    pub fn handler<F, Args>(mut self, handler: F) -> Operation
    where
        F: Handler<Args>,
        F::Output: Responder + 'static,
        Args: FromRequest + 'static,
    {
        self.route = route(&self.method, &self.path, handler);
        self
    }

    pub fn summary(mut self, text: impl Into<String>) -> Operation {
        self.entry.summary = Some(text.into());
        self
    }

    pub fn description(mut self, text: impl Into<String>) -> Operation {
        self.entry.description = Some(text.into());
        self
    }

    /// The path parameter `ref`: the code or the identifier of a record.
    pub fn reference(mut self, noun: &str) -> Operation {
        let parameter = ParameterBuilder::new()
            .name("ref")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(format!("Code or numeric identifier of the {noun}.")))
            .schema(Some(SchemaRef::from_schema_name(Ref::name())));
        self.add_parameters([parameter.build()]);
        self
    }

    /// Query parameters.
    pub fn query<P: IntoParams>(mut self) -> Operation {
        self.add_parameters(P::into_params(|| Some(ParameterIn::Query)));
        self
    }

    fn add_parameters(&mut self, parameters: impl IntoIterator<Item = Parameter>) {
        self.entry.parameters.get_or_insert_default().extend(parameters.into_iter().map(RefOr::T));
    }

    /// The request body, in JSON.
    pub fn body<T: ToSchema>(mut self, description: String) -> Operation {
        self.add_component::<T>();
        self.body_of(&T::name(), JSON, description)
    }

    /// The request body: a component that [`Operation::component`] adds.
    pub fn body_of(mut self, component: &str, media_type: &str, description: String) -> Operation {
        let body = RequestBodyBuilder::new()
            .description(Some(description))
            .content(media_type, content(component))
            .required(Some(Required::True));
        self.entry.request_body = Some(RefOr::T(body.build()));
        self
    }

    /// The response of success, in JSON.
    pub fn response<T: ToSchema>(mut self, status: &str, description: String) -> Operation {
        self.add_component::<T>();
        let response = ResponseBuilder::new().description(description).content(JSON, content(&T::name()));
        self.add_response(status, response.build());
        self
    }

    /// The response of success without a body.
    pub fn empty_response(mut self, status: &str, description: String) -> Operation {
        self.add_response(status, Response::new(description));
        self
    }

    fn add_response(&mut self, status: &str, response: Response) {
        self.entry.responses.responses.insert(status.to_owned(), RefOr::T(response));
    }

    /// Adds components to the document.
    pub fn components(mut self, schemas: Schemas) -> Operation {
        self.schemas.extend(schemas);
        self
    }

    fn add_component<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
    }
}

fn content(component: &str) -> Content {
    Content::new(Some(SchemaRef::from_schema_name(component)))
}

/// A route that only requests of its method match, so that the operations of one path can be registered one by one.
fn route<F, Args>(method: &HttpMethod, path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    let method = match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    };
    Resource::new(path).guard(guard::Method(method)).to(handler)
}

impl HttpServiceFactory for Operation {
    fn register(self, config: &mut AppService) {
        self.route.register(config);
    }
}

impl OpenApiFactory for Operation {
    fn paths(&self) -> Paths {
        let item = PathItem::new(self.method.clone(), self.entry.clone());
        PathsBuilder::new().path(&self.path, item).build()
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(self.schemas.iter().cloned());
    }
}
