import Glibc
import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite struct IdleTenantsTests {
  private let tenants = (1...8).map { TenantID(trusted: "t\($0)") }

  private func engine(_ directory: String) async throws -> TestEngine {
    let test = try await TestEngine(directory) {
      $0.flushInterval = .milliseconds(5)
      $0.idleTime = .seconds(20)
    }
    for tenant in tenants {
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1, tenant)
    }
    return test
  }

  /// Looks happen every few milliseconds; a minute is for a machine that stands still.
  private func wait(until condition: () async throws -> Bool) async throws {
    for _ in 0..<6_000 where try await !condition() {
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(try await condition())
  }

  @Test func `who was not used for a while is closed, and is there when asked again`() async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await engine(directory)
      try await Task.sleep(for: .milliseconds(100))
      #expect(test.engine.metrics.openTenants == tenants.count, "nobody is idle yet")
      test.clock.advance(milliseconds: 20_001)
      try await wait { test.engine.metrics.openTenants == 0 }
      for tenant in tenants {
        #expect(try await test.counts(tenant) == [1, 1])
        try await test.pay(2, tenant)
        _ = try await test.engine.digest(tenant, recompute: true)
      }
      await test.close()
    }
  }

  @Test func `the first look closes nobody who was used since the start`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.flushInterval = .seconds(3_600) }
      try await test.engine.create(tenants[0], epoch: .first)
      try await test.pay(1, tenants[0])
      let open = try test.engine.running().context.openTenants
      #expect(open.count == 1)
      open.closeIdle(20_000, now: test.clock.milliseconds())
      #expect(open.count == 1)
      await test.close()
    }
  }

  @Test func `a process asks for all the descriptors that it may have`() throws {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #expect(getrlimit(resource, &limit) == 0)
    let all = OpenTenants.descriptors()
    #expect(all == Int(min(limit.rlim_max, 1 << 20)))
    // As if a shell had given less.
    limit.rlim_cur = rlim_t(all - 1)
    #expect(setrlimit(resource, &limit) == 0)
    #expect(OpenTenants.descriptors() == all)
  }

  @Test(arguments: [(1_024, 51), (20_000, 1_000), (1 << 20, 1_000), (40, 8)])
  func `so many tenants are open as a twentieth of the descriptors, and 1,000 at most`(
    descriptors: Int, tenants: Int
  ) { #expect(OpenTenants.limit(descriptors: descriptors) == tenants) }

  @Test func `memory is returned when many were closed, not for each that was looked at`() {
    let many = OpenTenants.closedForReturn + 1
    #expect(OpenTenants.returnsMemory(closed: many, open: 0, quiet: 0))
    #expect(!OpenTenants.returnsMemory(closed: many - 1, open: 0, quiet: 0))
    #expect(!OpenTenants.returnsMemory(closed: 500, open: 500, quiet: 0))
    #expect(OpenTenants.returnsMemory(closed: 501, open: 500, quiet: 0))
    // The last of a crowd are few, and nobody comes after them.
    let rest = OpenTenants.quietForReturn
    #expect(OpenTenants.returnsMemory(closed: 1, open: 0, quiet: rest))
    #expect(!OpenTenants.returnsMemory(closed: 1, open: 0, quiet: rest - 1))
    #expect(!OpenTenants.returnsMemory(closed: 0, open: 0, quiet: rest))
    #expect(!OpenTenants.returnsMemory(closed: 5, open: 300, quiet: rest))
  }

  @Test func `many that cannot be closed keep nobody open`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) {
        $0.flushInterval = .milliseconds(5)
        $0.openTenants = 1_000
      }
      let stopped = (1...(OpenTenants.closedPerLook * 2)).map { TenantID(trusted: "s\($0)") }
      for tenant in stopped + tenants {
        try await test.engine.create(tenant, epoch: .first)
        try await test.pay(1, tenant)
      }
      for tenant in stopped { try test.engine.writer(tenant).stop("as the test wants it") }
      test.clock.advance(milliseconds: 20_001)
      try await wait { test.engine.metrics.openTenants == stopped.count }
      await test.close()
    }
  }

  @Test func `closing beside work loses nothing`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await engine(directory)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          // Every look finds everybody idle.
          while !Task.isCancelled {
            test.clock.advance(milliseconds: 30_000)
            try? await Task.sleep(for: .milliseconds(3))
          }
        }
        let work = Task {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, tenant) in tenants.enumerated() {
              group.addTask {
                for turn in 2...60 {
                  try await test.pay(Int64(turn), tenant)
                  if (turn + index) % 3 == 0 { _ = try await test.counts(tenant) }
                  try await Task.sleep(for: .milliseconds((turn * 7 + index) % 11))
                }
              }
            }
            try await group.waitForAll()
          }
        }
        try await work.value
        group.cancelAll()
      }
      for tenant in tenants { #expect(try await test.counts(tenant) == [60, 60]) }
      await test.close()
    }
  }
}
