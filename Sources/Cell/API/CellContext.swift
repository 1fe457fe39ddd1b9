import Edge
import Hummingbird
import Wire

/// One request on its way through the cell's routes.
struct CellContext: EdgeRequestContext {
  typealias Decoder = EdgeJSON
  typealias Encoder = EdgeJSON

  var coreContext: CoreRequestContextStorage
  let edge: EdgeSource
  /// Set by ``Authentication``; nil only before it.
  var authenticated: Principal? {
    didSet { if let authenticated { RequestObservation.current?.set(authenticated) } }
  }

  init(source: EdgeSource) {
    coreContext = .init(source: source)
    edge = source
  }

  /// Who asks.
  ///
  /// Throws `unauthenticated` where nobody was authenticated.
  func principal() throws(Failure) -> Principal {
    guard let authenticated else { throw Failure(.unauthenticated, "send an API key") }
    return authenticated
  }

  /// The row that the path names, such as `num_…` for `id`.
  ///
  /// Throws `not_found` for any other text: we never made such an identifier.
  func rowID(_ name: String, _ kind: RowKind) throws(Failure) -> RowID {
    guard let id = RowID(try parameter(name), kind) else {
      throw Failure(.notFound, "there is no such \(kind.name)")
    }
    return id
  }
}
