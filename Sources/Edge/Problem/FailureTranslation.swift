import Hummingbird
import Wire

/// Turns what Hummingbird throws into refusals, so that every error leaves as one kind of document.
///
/// The first middleware of every router made by ``makeEdgeRouter(_:)``.
struct FailureTranslation<Context: EdgeRequestContext>: RouterMiddleware {
  func handle(
    _ request: Request, context: Context,
    next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let failure as Failure {
      throw failure
    } catch let error as HTTPError {
      if error.status == .notFound, context.endpointPath == "NotFound" {
        throw Failure(.unknownRoute, "there is no route \(request.method) \(request.uri.path)")
      }
      throw Self.failure(of: error.status, detail: error.body)
    } catch let error as any HTTPResponseError {
      throw Self.failure(of: error.status, detail: nil)
    }
  }

  /// The refusal that fits a bare HTTP status.
  private static func failure(of status: HTTPResponse.Status, detail: String?) -> Failure {
    let detail = detail ?? status.reasonPhrase
    return switch status.code {
    case 401: Failure(.unauthenticated, detail)
    case 403: Failure(.forbidden, detail)
    case 404: Failure(.notFound, detail)
    case 405: Failure(.methodNotAllowed, detail)
    case 408: Failure(.requestTimeout, detail)
    case 409: Failure(.conflict, detail)
    case 413: Failure(.bodyTooLarge, detail)
    case 415: Failure(.unsupportedMediaType, detail)
    case 429: Failure(.rateLimited, detail)
    case 400..<500: Failure(.invalidRequest, detail)
    case 503: Failure(.overloaded, detail)
    default: Failure(.internalError, "the request failed; the log has the trace id")
    }
  }
}

/// A Hummingbird router whose errors are refusals.
///
/// Add routes to it, then give it to ``HTTPOverMessaging``.
public func makeEdgeRouter<Context: EdgeRequestContext>(_: Context.Type) -> Router<Context> {
  let router = Router(context: Context.self)
  router.add(middleware: FailureTranslation<Context>())
  return router
}
