import Synchronization
import Wire

/// One command in a tenant's mailbox, with the caller that waits for it.
protocol Command: AnyObject, Sendable {
  var origin: CommandOrigin { get }
  /// What the mailbox counts for it.
  var bytes: Int { get }
  /// Runs the body and keeps its result; false where it threw. Run again where its batch was
  /// undone.
  func execute(_ transaction: Transaction, _ core: TenantCore) -> Bool
  /// Replaces the result by a refusal.
  func refuse(_ failure: Failure)
  /// Gives the caller the result. Once, after the batch is durable.
  func reply()
}

/// A command with a typed result.
final class WriteCommand<T: Sendable>: Command {
  typealias Caller = UnsafeContinuation<Result<T, Failure>, Never>

  let origin: CommandOrigin
  private let body: @Sendable (Transaction, TenantCore) throws -> T
  private let caller: Caller
  private let result = Mutex<Result<T, Failure>?>(nil)

  init(
    _ origin: CommandOrigin, caller: Caller,
    body: @escaping @Sendable (Transaction, TenantCore) throws -> T
  ) {
    self.origin = origin
    self.caller = caller
    self.body = body
  }

  var bytes: Int { origin.bytes }

  func execute(_ transaction: Transaction, _ core: TenantCore) -> Bool {
    let outcome: Result<T, Failure>
    do {
      outcome = .success(try body(transaction, core))
    } catch let failure as Failure {
      outcome = .failure(failure)
    } catch {
      core.report(error, origin)
      outcome = .failure(Failure(.internalError, "the command failed"))
    }
    result.withLock { $0 = outcome }
    if case .success = outcome { return true }
    return false
  }

  func refuse(_ failure: Failure) { result.withLock { $0 = .failure(failure) } }

  func reply() {
    guard let outcome = result.withLock({ $0 }) else {
      preconditionFailure("a command is answered before it has a result")
    }
    caller.resume(returning: outcome)
  }
}
