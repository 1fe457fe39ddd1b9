import Platform
import Simulation
import Synchronization

/// Many hostile peers at once, a bounded number of them connected at a time.
final class HostileCrowd: Sendable {
  static let threads = 8
  /// Connections that each thread keeps open.
  static let heldPerThread = 48

  private let counts = Mutex<[HostilePeer.Manner: Int]>([:])
  private let left: Atomic<Int>

  /// Connections that were made, by manner.
  var made: [HostilePeer.Manner: Int] { counts.withLock { $0 } }

  init(connections: Int) { left = Atomic(connections) }

  /// Attacks all `ports` in turn until the connections are used up.
  func attack(_ ports: [UInt16], seed: UInt64) async {
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<Self.threads {
        group.addTask {
          await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            _ = OwnThread(name: "hostile-\(thread)") {
              self.work(ports, SeededRandomSource(seed: seed &+ UInt64(thread) &* 7_919))
              continuation.resume()
            }
          }
        }
      }
    }
  }

  private func work(_ ports: [UInt16], _ dice: SeededRandomSource) {
    var held: [HostilePeer] = []
    var made: [HostilePeer.Manner: Int] = [:]
    let manners = HostilePeer.Manner.allCases
    while left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 {
      let port = ports[dice.below(ports.count)]
      guard let peer = HostilePeer(manners[dice.below(manners.count)], port: port) else { continue }
      made[peer.manner, default: 0] += 1
      guard peer.begin(dice) else {
        peer.end()
        continue
      }
      held.append(peer)
      held[dice.below(held.count)].drip()
      if held.count > Self.heldPerThread { held.removeFirst().end() }
    }
    for peer in held { peer.end() }
    counts.withLock { $0.merge(made, uniquingKeysWith: +) }
  }
}
