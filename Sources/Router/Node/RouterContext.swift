import Edge
import Hummingbird
import Logging

/// What the router knows of a connection.
struct RouterContext: RequestContext {
  private struct NoConnection: RequestContextSource {
    let logger: Logger
  }

  var coreContext: CoreRequestContextStorage
  /// The connection's other end; nil where it is no IP address.
  let peer: NetworkAddress?

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    peer = source.channel.remoteAddress.flatMap { NetworkAddress($0) }
  }

  /// A context without a connection, for a request from within the process.
  init(peer: NetworkAddress?, logger: Logger) {
    coreContext = .init(source: NoConnection(logger: logger))
    self.peer = peer
  }
}
