import NIOCore

/// Closes a connection whose client does not take what it is sent: without it an answer would wait
/// for as long as the client likes, and keep its memory and the connection.
final class SlowReader: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any

  private let time: TimeAmount
  private let metrics: RouterMetrics
  private var end: Scheduled<Void>?

  /// - Parameter time: How long a client has for what is written and does not fit in the sockets.
  init(within time: Duration, _ metrics: RouterMetrics) {
    let parts = time.components
    self.metrics = metrics
    self.time = .nanoseconds(parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    forget()
    if !context.channel.isWritable {
      let channel = context.channel
      let metrics = self.metrics
      end = context.eventLoop.scheduleTask(in: time) {
        metrics.shed(.answerNotTaken)
        channel.close(promise: nil)
      }
    }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    forget()
    context.fireChannelInactive()
  }

  private func forget() {
    end?.cancel()
    end = nil
  }
}
