import Foundation

/// The load generator `wrk`, sending messages of the tenants in a list.
struct Wrk {
  static let path = "/usr/bin/wrk"

  let script: String
  let url: String
  /// A file with a key and a number on each line.
  let list: String

  init(_ repository: Repository, _ system: SystemUnderTest, _ tenants: [BenchTenant]) throws {
    script = repository.script("Benchmarks/http/messages.lua")
    url = system.client.url
    list = "\(system.directory)/bench-tenants-\(tenants.count)"
    try tenants.map { "\($0.key) \($0.numberID)\n" }.joined()
      .write(toFile: list, atomically: true, encoding: .utf8)
  }

  /// What the script says at the end: `requests`, `seconds`, `status_errors`.
  func run(connections: Int, seconds: Int) throws -> [String: Any] {
    let output = try Program.output(
      Self.path, ["-t", "1", "-c", "\(connections)", "-s", script, "-d", "\(seconds)s", url],
      environment: ["BENCH_TENANTS": list])
    guard let result = Program.objects(output).last else { throw BenchFailure("wrk said nothing") }
    return result
  }
}
