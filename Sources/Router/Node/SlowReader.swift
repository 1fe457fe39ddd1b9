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
    self.metrics = metrics
    self.time = TimeAmount(time)
  }

  /// Hangs up after `time`, unless what this returns is cancelled before.
  static func hangUp(
    on channel: any Channel, after time: TimeAmount, _ metrics: RouterMetrics
  ) -> Scheduled<Void> {
    channel.eventLoop.scheduleTask(in: time) {
      // One client may be late by several clocks, and is counted once.
      guard channel.isActive else { return }
      metrics.shed(.answerNotTaken)
      channel.close(promise: nil)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    forget()
    if !context.channel.isWritable {
      end = Self.hangUp(on: context.channel, after: time, metrics)
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
