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

/// An operation, which [`ServiceConfig::service`](super::ServiceConfig::service) registers.
pub struct Operation {
    method: HttpMethod,
    path: String,
    id: String,
    tag: String,
    /// Add to the entry of the document. They run only when a document is built, because the schemas of all operations take
    /// longer to build than the rest of a start.
    parts: Vec<Part>,
    route: Resource,
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
        let route = route(&method, path, handler);
        Operation { method, path: path.to_owned(), id, tag: tag.to_owned(), parts: Vec::new(), route }
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
        self.parts.push(Box::new(part));
        self
    }

    /// The entry of the document, and the components that it refers to.
    fn entry(&self) -> (Entry, Schemas) {
        let (mut entry, mut schemas) = (Entry::default(), Schemas::new());
        entry.tags = Some(vec![self.tag.clone()]);
        entry.operation_id = Some(self.id.clone());
        self.parts.iter().for_each(|part| part(&mut entry, &mut schemas));
        (entry, schemas)
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
        let item = PathItem::new(self.method.clone(), self.entry().0);
        PathsBuilder::new().path(&self.path, item).build()
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(self.entry().1);
    }
}
