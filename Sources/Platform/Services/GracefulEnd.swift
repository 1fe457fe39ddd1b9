import Logging
import ServiceLifecycle

/// A server whose task may be cancelled: to the server, that is a graceful shutdown.
///
/// A cancelled Hummingbird server drops the connections that it has accepted and not looked at, and
/// NIO traps on that ("Deinited NIOAsyncWriter without calling finish()"): a process that was about
/// to say why it ends would say that it crashed.
public struct GracefulEnd: Service {
  /// How long requests that are under way may keep a cancelled server.
  public static let patience: Duration = .seconds(30)

  private let server: any Service
  private let logger: Logger

  public init(_ server: any Service, logger: Logger) {
    self.server = server
    self.logger = logger
  }

  public func run() async throws {
    let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
    // No child of this task, so that its cancellation does not reach the server. What it inherits
    // tells the group of a graceful shutdown around it.
    let running = Task { try await group.run() }
    try await withTaskCancellationHandler {
      try await running.value
    } onCancel: {
      Task {
        await group.triggerGracefulShutdown()
        try? await Task.sleep(for: Self.patience)
        running.cancel()
      }
    }
  }
}
