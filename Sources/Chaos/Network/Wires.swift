import Foundation

/// Network namespaces, one per process, each with one wire to the namespace of this tool, which
/// forwards between them: so any pair can be cut, and nobody else's network is touched.
///
/// Only inside a network and mount namespace of its own (``enter(_:)``).
struct Wires: Sendable {
  static let unsupported =
    "this machine does not allow network namespaces (they need root and iproute2, see tools/setup)"
  /// Where the tool and the simulator answer.
  static let middle = "10.77.0.1"

  /// In the order of their addresses.
  let names: [String]

  func address(_ name: String) -> String {
    "10.77.\((names.firstIndex(of: name) ?? 0) + 1).2"
  }

  /// The program and arguments that run a command in a process's namespace.
  func inside(_ name: String, _ command: [String]) -> [String] {
    ["ip", "netns", "exec", "aim-\(name)"] + command
  }

  /// Whether this machine lets a namespace be made.
  static var isSupported: Bool {
    (try? run(isolated + ["ip link set lo up && ip link add x type veth peer name y"])) == 0
  }

  private static let isolated = [
    "unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
  ]

  /// Runs a program in namespaces of its own; answers its exit code.
  static func enter(_ command: [String]) throws -> Int32 {
    try run(isolated + ["ip link set lo up && exec \"$0\" \"$@\""] + command)
  }

  /// Makes all namespaces and wires.
  func lay() throws {
    var script = """
      set -e
      mkdir -p /run/netns
      mount -t tmpfs none /run/netns
      ip address add \(Self.middle)/32 dev lo
      echo 1 > /proc/sys/net/ipv4/ip_forward

      """
    for (index, name) in names.enumerated() {
      let net = "10.77.\(index + 1)"
      script += """
        ip netns add aim-\(name)
        ip link add wire\(index) type veth peer name eth0 netns aim-\(name)
        ip address add \(net).1/24 dev wire\(index)
        ip link set wire\(index) up
        ip -n aim-\(name) address add \(net).2/24 dev eth0
        ip -n aim-\(name) link set lo up
        ip -n aim-\(name) link set eth0 up
        ip -n aim-\(name) route add default via \(net).1

        """
    }
    try Self.demand(script)
  }

  /// Nothing of one reaches the other from now on, and nobody is told.
  func cut(_ one: String, _ other: String) throws { try rules("add", one, other) }
  func heal(_ one: String, _ other: String) throws { try rules("del", one, other) }

  private func rules(_ action: String, _ one: String, _ other: String) throws {
    let (a, b) = (address(one), address(other))
    try Self.demand(
      """
      set -e
      ip rule \(action) from \(a) to \(b) blackhole priority 100
      ip rule \(action) from \(b) to \(a) blackhole priority 100
      """)
  }

  private static func demand(_ script: String) throws {
    let status = try run(["sh", "-c", script])
    guard status == 0 else { throw ChaosFailure("a network could not be made (\(status))") }
  }

  private static func run(_ command: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
