import Hummingbird

/// What the router knows of a connection.
struct RouterContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection's other end; nil where it is no IP address.
  let peer: NetworkAddress?

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    peer = source.channel.remoteAddress?.ipAddress.flatMap { NetworkAddress($0) }
  }
}
