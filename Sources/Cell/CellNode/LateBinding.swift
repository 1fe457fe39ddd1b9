import Messaging
import Synchronization
import Wire

/// Where the cell answers, known to what is made before it is bound.
final class Bound: Sendable {
  private let value = Mutex<Address?>(nil)
  var address: Address? { value.withLock { $0 } }
  func set(_ address: Address) { value.withLock { $0 = address } }
}

/// Lets the engine and the routes wake an outbox that is made after them.
final class OutboxWakes: Sendable {
  private let outbox = Mutex<OutboxWorker?>(nil)

  func connect(_ worker: OutboxWorker) { outbox.withLock { $0 = worker } }
  func wake(_ tenant: TenantID) { outbox.withLock { $0 }?.wake(tenant) }
  func due(_ tenant: TenantID) { outbox.withLock { $0 }?.due(tenant) }
  func committed(_ tenant: TenantID) { outbox.withLock { $0 }?.committed(tenant) }
}
