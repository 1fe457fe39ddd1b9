import Edge
import Hummingbird
import Logging
import NIOCore

/// What the router knows of a connection.
struct RouterContext: RequestContext {
  private struct NoConnection: RequestContextSource {
    let logger: Logger
  }

  var coreContext: CoreRequestContextStorage
  /// The connection's other end; nil where it is no IP address.
  let peer: NetworkAddress?
  let channel: (any Channel)?

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
    peer = source.channel.remoteAddress.flatMap { NetworkAddress($0) }
  }

  /// A context without a connection, for a request from within the process.
  init(peer: NetworkAddress?, logger: Logger) {
    coreContext = .init(source: NoConnection(logger: logger))
    self.peer = peer
    channel = nil
  }

  /// Closes the connection once the answer had time to leave: without it the server would read on
  /// until the rest of a body has come that nobody wants, however slowly it drips.
  func closeAfterAnswer(seconds: Int64 = 1) {
    guard let channel else { return }
    channel.eventLoop.scheduleTask(in: .seconds(seconds)) { channel.close(promise: nil) }
  }
}
