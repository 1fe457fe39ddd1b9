import Hummingbird
import Wire

/// A context of requests that arrive by messaging.
///
/// A process that keeps more with a request (the cell its principal) has its own type; the others
/// use ``EdgeContext``.
public protocol EdgeRequestContext: RequestContext
where Source == EdgeSource, Decoder == EdgeJSON, Encoder == EdgeJSON {
  var edge: EdgeSource { get }
}

extension EdgeRequestContext {
  public var requestDecoder: EdgeJSON { EdgeJSON() }
  public var responseEncoder: EdgeJSON { EdgeJSON() }
  public var maxUploadSize: Int { EdgeLimits.requestBytes }
  public var traceID: String { edge.traceID }

  /// The tenant that the router found.
  ///
  /// Throws `not_found` where the envelope names none: such a request never reaches a cell.
  public func tenant() throws(Failure) -> TenantID {
    guard let tenant = edge.tenant else {
      throw Failure(.notFound, "this request names no tenant")
    }
    return tenant
  }

  /// The key under which this request's effects are stored.
  ///
  /// Throws `invalid_request` where there is none; routers always send one with a POST.
  public func idempotencyKey() throws(Failure) -> String {
    guard let key = edge.idempotencyKey else {
      throw Failure(.invalidRequest, "send an Idempotency-Key header with this request")
    }
    return key
  }

  /// The value of a path parameter, for example `id` of `/v1/numbers/:id`.
  public func parameter(_ name: String) throws(Failure) -> String {
    guard let raw = parameters.get(name) else {
      throw Failure(.invalidField, "the path lacks \(name)")
    }
    guard let value = raw.removingPercentEncoding, !value.isEmpty else {
      throw Failure(.invalidField, "\(name) in the path is not readable")
    }
    return value
  }
}

/// The context of a process that keeps nothing but a principal with a request.
public struct EdgeContext: EdgeRequestContext {
  public typealias Decoder = EdgeJSON
  public typealias Encoder = EdgeJSON
  public var coreContext: CoreRequestContextStorage
  public let edge: EdgeSource
  /// Who asks, once the process has authenticated them.
  public var principal: (any Sendable)?

  public init(source: EdgeSource) {
    coreContext = .init(source: source)
    edge = source
  }
}
