//! One operation of the API: its route, and its entry in the published document.

use actix_web::dev::Handler;
use actix_web::http::Method;
use actix_web::{FromRequest, Responder, Route};
use utoipa::openapi::path::{HttpMethod, Operation as Entry, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Content, PathItem, Ref as SchemaRef, RefOr, Required, Response, ResponseBuilder, Schema};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::OpenApiFactory;

use crate::model::types::Ref;

/// Components of the document and their names.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

const JSON: &str = "application/json";

/// Makes an [`Operation`] of a handler that `#[utoipa::path]` describes: `operation!(list)` or `operation!(pace::get_pace)`.
macro_rules! operation {
    ($handler:ident) => {
        pastey::paste! { $crate::http::routes::Operation::described([<__path_ $handler>], $handler) }
    };
    ($module:ident :: $handler:ident) => {
        pastey::paste! { $crate::http::routes::Operation::described($module::[<__path_ $handler>], $module::$handler) }
    };
}
pub(crate) use operation;

/// An operation, which modules register with [`ServiceConfig::service`](super::ServiceConfig::service).
pub struct Operation {
    method: HttpMethod,
    path: String,
    route: Route,
    entry: Description,
}

/// The entry of an operation in the document. It is built only with a document, because the schemas of all operations take
/// longer to build than the rest of a start.
enum Description {
    Parts { id: String, tag: String, parts: Vec<Part> },
    Described(Box<dyn OpenApiFactory>),
}

type Part = Box<dyn Fn(&mut Entry, &mut Schemas)>;

impl Operation {
    /// An operation of a tag. The generated clients name a method after the `id`.
    pub fn new<F, Args>(method: HttpMethod, path: &str, id: String, tag: &str, handler: F) -> Operation
    where
        F: Handler<Args>,
        F::Output: Responder + 'static,
        Args: FromRequest + 'static,
    {
        let entry = Description::Parts { id, tag: tag.to_owned(), parts: Vec::new() };
        Operation { method, path: path.to_owned(), route: Route::new().to(handler), entry }
    }

    /// An operation that `#[utoipa::path]` describes; see [`operation!`].
    pub fn described<P, F, Args>(description: P, handler: F) -> Operation
    where
        P: utoipa::Path + OpenApiFactory + 'static,
        F: Handler<Args>,
        F::Output: Responder + 'static,
        Args: FromRequest + 'static,
    {
        let method = P::methods().into_iter().next().unwrap_or(HttpMethod::Get);
        let entry = Description::Described(Box::new(description));
        Operation { method, path: P::path(), route: Route::new().to(handler), entry }
    }

    /// Replaces the handler.
    pub fn handler<F, Args>(mut self, handler: F) -> Operation
    where
        F: Handler<Args>,
        F::Output: Responder + 'static,
        Args: FromRequest + 'static,
    {
        self.route = Route::new().to(handler);
        self
    }

    pub fn summary(self, text: impl Into<String>) -> Operation {
        let text = text.into();
        self.part(move |entry, _| entry.summary = Some(text.clone()))
    }

    pub fn description(self, text: impl Into<String>) -> Operation {
        let text = text.into();
        self.part(move |entry, _| entry.description = Some(text.clone()))
    }

    /// The path parameter `ref`: the code or the identifier of a record.
    pub fn reference(self, noun: &str) -> Operation {
        let description = format!("Code or numeric identifier of the {noun}.");
        self.part(move |entry, _| {
            let parameter = ParameterBuilder::new()
                .name("ref")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(description.clone()))
                .schema(Some(SchemaRef::from_schema_name(Ref::name())));
            add_parameters(entry, [parameter.build()]);
        })
    }

    /// Query parameters.
    pub fn query<P: IntoParams>(self) -> Operation {
        self.part(|entry, _| add_parameters(entry, P::into_params(|| Some(ParameterIn::Query))))
    }

    /// The request body, in JSON.
    pub fn body<T: ToSchema + 'static>(self, description: String) -> Operation {
        self.component::<T>(T::name().into_owned(), T::schema).body_of(&T::name(), JSON, description)
    }

    /// The request body: a component that [`Operation::component`] adds.
    pub fn body_of(self, component: &str, media_type: &str, description: String) -> Operation {
        let (component, media_type) = (component.to_owned(), media_type.to_owned());
        self.part(move |entry, _| {
            let body = RequestBodyBuilder::new()
                .description(Some(description.clone()))
                .content(media_type.clone(), content(&component))
                .required(Some(Required::True));
            entry.request_body = Some(RefOr::T(body.build()));
        })
    }

    /// The response of success, in JSON.
    pub fn response<T: ToSchema + 'static>(self, status: &'static str, description: String) -> Operation {
        self.component::<T>(T::name().into_owned(), T::schema).part(move |entry, _| {
            let response = ResponseBuilder::new().description(description.clone()).content(JSON, content(&T::name()));
            add_response(entry, status, response.build());
        })
    }

    /// The response of success without a body.
    pub fn empty_response(self, status: &'static str, description: String) -> Operation {
        self.part(move |entry, _| add_response(entry, status, Response::new(description.clone())))
    }

    /// Adds a component to the document, and those that `T` refers to.
    pub fn component<T: ToSchema + 'static>(
        self,
        name: String,
        schema: impl Fn() -> RefOr<Schema> + 'static,
    ) -> Operation {
        self.part(move |_, schemas| {
            schemas.push((name.clone(), schema()));
            T::schemas(schemas);
        })
    }

    fn part(mut self, part: impl Fn(&mut Entry, &mut Schemas) + 'static) -> Operation {
        if let Description::Parts { parts, .. } = &mut self.entry {
            parts.push(Box::new(part));
        }
        self
    }

    /// The operation below a prefix of its path.
    pub fn below(self, prefix: &str) -> Operation {
        Operation { path: format!("{prefix}{}", self.path), ..self }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn route(&self) -> &Route {
        &self.route
    }

    pub fn method(&self) -> Method {
        match self.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Delete => Method::DELETE,
            HttpMethod::Options => Method::OPTIONS,
            HttpMethod::Head => Method::HEAD,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Trace => Method::TRACE,
        }
    }

    /// The entry of the document; the components that it refers to are added to `schemas`.
    pub fn entry(&self, schemas: &mut Schemas) -> PathItem {
        match &self.entry {
            Description::Parts { id, tag, parts } => {
                let mut entry = Entry::default();
                entry.tags = Some(vec![tag.clone()]);
                entry.operation_id = Some(id.clone());
                parts.iter().for_each(|part| part(&mut entry, schemas));
                PathItem::new(self.method.clone(), entry)
            }
            Description::Described(description) => {
                description.schemas(schemas);
                description.paths().paths.into_values().next().unwrap_or_default()
            }
        }
    }
}

fn add_parameters(entry: &mut Entry, parameters: impl IntoIterator<Item = Parameter>) {
    entry.parameters.get_or_insert_default().extend(parameters.into_iter().map(RefOr::T));
}

fn add_response(entry: &mut Entry, status: &str, response: Response) {
    entry.responses.responses.insert(status.to_owned(), RefOr::T(response));
}

fn content(component: &str) -> Content {
    Content::new(Some(SchemaRef::from_schema_name(component)))
}
