import Messaging
import Storage
import Wire

/// Tells a target its release until it has adopted; without end, also after restarts.
struct MoveHandOver: Sendable {
  let environment: MoveEnvironment
  let tenant: TenantID

  /// Returns once the target has adopted.
  ///
  /// Throws where the task is cancelled, and `epoch_stale` where the target was lost for good and
  /// the tenant has come back here.
  func run() async throws {
    // Adopted, or here again: nobody will ask for the rates. A cancelled task's process ends.
    defer { environment.rates.dropNote(tenant) }
    guard let head = environment.engine.heads[tenant],
      let release = environment.engine.release(of: tenant)
    else {
      throw Self.isBack
    }
    var message = release.message(of: tenant)
    environment.rates.add(to: &message, of: tenant)
    var wait = MoveLimits.firstRetry
    while true {
      guard environment.engine.release(of: tenant) == release else {
        environment.problems.resolve(tenant)
        throw Self.isBack
      }
      do throws(Failure) {
        // Asked anew each time: a promotion of the target moves it.
        guard let peer = await environment.remembered(tenant) else {
          throw Failure(.cellUnavailable, "the move's target is unknown")
        }
        _ = try await peer.ask(.moveRelease, message, timeout: MoveLimits.releaseTimeout)
        environment.problems.resolve(tenant)
        await environment.settled(tenant)
        return
      } catch {
        environment.log.warning(
          "a release is not adopted yet",
          metadata: ["tenant": "\(tenant)", "failure": "\(error)"])
        if error.code == .conflict || error.code == .notFound {
          // It came back from an older copy: a person must look. It is told again all the same.
          environment.problems.add(tenant, to: head.counterpart, error, at: environment.now)
        }
      }
      try await Task.sleep(for: wait)
      wait = min(wait * 2, MoveLimits.longestRetry)
    }
  }

  private static let isBack = Failure(
    .epochStale, "the move's target was lost, and the tenant is here again")
}
