import Glibc
import Platform
import Simulation
import Synchronization

/// Many hostile peers at once: some stay at each port for as long as it lasts, others come and go.
final class HostileCrowd: Sendable {
  static let threads = 8
  /// Peers that stay at each port, of each kind; health ports take 64 in all.
  static let staying = 6
  /// Between two strikes of a thread that has had its share and goes on beside the honest.
  private static let pauseMicroseconds: UInt32 = 50_000

  private let ports: [HostilePort]
  private let tally = Mutex(Tally())
  private let left: Atomic<Int>
  private let isLasting = Atomic(true)

  /// What became of the peers.
  struct Tally: Sendable {
    /// Those whose harm was met, by manner: hung up on or answered, or there until the end.
    var met: [HostilePeer.Manner: Int] = [:]
    /// Those who came and went; and of these those whom nobody met.
    var strikes = 0
    var misses = 0
  }

  var result: Tally { tally.withLock { $0 } }

  /// - Parameter strikes: how many peers come and go at least.
  init(_ ports: [HostilePort], strikes: Int) {
    self.ports = ports
    left = Atomic(strikes)
  }

  /// Attacks until the strikes are made and the honest have ended.
  func attack(seed: UInt64) async {
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<Self.threads {
        group.addTask {
          _ = await Blocking.run("hostile-\(thread)") {
            self.work(thread, SeededRandomSource(seed: seed &+ UInt64(thread) &* 7_919))
          }
        }
      }
    }
  }

  /// The load beside which this goes on is over.
  func honestHaveEnded() { isLasting.store(false, ordering: .relaxed) }

  private func work(_ thread: Int, _ dice: SeededRandomSource) {
    var own = Tally()
    var dripping: [HostilePeer] = []
    var silent: [HostilePeer] = []
    for index in stride(from: thread, to: ports.count, by: Self.threads) {
      for manner in HostilePeer.staying {
        for _ in 0..<Self.staying {
          guard let peer = HostilePeer(ports[index]) else { continue }
          if manner == .slowLoris { dripping.append(peer) } else { silent.append(peer) }
          if peer.stay(manner) { own.met[manner, default: 0] += 1 }
        }
      }
    }
    while let isShare = next() {
      let port = ports[dice.below(ports.count)]
      let manner = port.manners[dice.below(port.manners.count)]
      own.strikes += 1
      if let peer = HostilePeer(port), peer.strike(manner, dice) {
        own.met[manner, default: 0] += 1
      } else {
        own.misses += 1
      }
      if !dripping.isEmpty { dripping[dice.below(dripping.count)].drip() }
      if !isShare { usleep(Self.pauseMicroseconds) }
    }
    for peer in dripping + silent { peer.end() }
    tally.withLock { [own] in
      $0.met.merge(own.met, uniquingKeysWith: +)
      $0.strikes += own.strikes
      $0.misses += own.misses
    }
  }

  /// Whether the next strike is one of those that are to be made; nil where there is none.
  private func next() -> Bool? {
    if left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 { return true }
    return isLasting.load(ordering: .relaxed) ? false : nil
  }
}
