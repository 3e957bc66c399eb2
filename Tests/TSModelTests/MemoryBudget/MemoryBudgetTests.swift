import TSModel
import Testing

@Suite struct MemoryBudgetTests {
  @Test func aChargeCountsInEveryLevelOrInNone() throws {
    let process = MemoryBudget(name: "process", limitBytes: 100)
    let tenant = MemoryBudget(name: "tenant a", limitBytes: 80, parent: process)
    let query = MemoryBudget(name: "query", limitBytes: 1000, parent: tenant)
    let other = MemoryBudget(name: "tenant b", parent: process)
    try query.charge(60)
    #expect([query.usedBytes, tenant.usedBytes, process.usedBytes, other.usedBytes] == [60, 60, 60, 0])
    #expect(throws: BudgetExceeded(budgetName: "tenant a", limitBytes: 80, usedBytes: 60, requestedBytes: 21)) {
      try query.charge(21)
    }
    #expect([query.usedBytes, tenant.usedBytes, process.usedBytes] == [60, 60, 60])
    try other.charge(40)
    #expect(throws: BudgetExceeded(budgetName: "process", limitBytes: 100, usedBytes: 100, requestedBytes: 1)) {
      try query.charge(1)
    }
    query.release(60)
    other.release(40)
    #expect([query.usedBytes, tenant.usedBytes, process.usedBytes, other.usedBytes] == [0, 0, 0, 0])
    #expect([query.peakBytes, tenant.peakBytes, process.peakBytes] == [60, 60, 100])
  }

  @Test func sumsThatOverflowAreRefused() throws {
    let budget = MemoryBudget(name: "process")
    try budget.charge(.max)
    #expect(throws: BudgetExceeded.self) { try budget.charge(1) }
    budget.release(.max)
    #expect(budget.usedBytes == 0)
  }

  @Test func aChargeEndsWithItsLife() throws {
    let budget = MemoryBudget(name: "query", limitBytes: 10)
    do {
      var charge = try budget.charged(4)
      try charge.grow(by: 5)
      #expect(throws: BudgetExceeded.self) { try budget.charge(2) }
      var refused = false
      do { try charge.grow(by: 2) } catch { refused = true }
      #expect(refused && charge.bytes == 9 && budget.usedBytes == 9)
      charge.shrink(by: 3)
      #expect(budget.usedBytes == 6)
    }
    #expect(budget.usedBytes == 0)
    let none = try BudgetCharge(nil, bytes: 1 << 40)
    #expect(none.bytes == 1 << 40)
  }

  @Test func errorsNameTheBudgetAndItsLimit() {
    let budget = MemoryBudget(name: "query", limitBytes: 10)
    do { try budget.charge(11) } catch {
      #expect("\(error)" == "11 bytes more exceed the memory limit of query: 0 of 10 bytes are in use")
    }
  }

  @Test func manyThreadsNeverExceedTheLimit() async {
    let process = MemoryBudget(name: "process", limitBytes: 50)
    await withTaskGroup(of: Int.self) { group in
      for number in 0..<8 {
        group.addTask {
          let query = MemoryBudget(name: "query \(number)", limitBytes: 30, parent: process)
          var refused = 0
          for step in 0..<20_000 {
            do {
              let charge = try query.charged(1 + step % 17)
              if charge.bytes > 30 { refused += 1 }
            } catch { refused += 1 }
          }
          return query.usedBytes
        }
      }
      for await used in group { #expect(used == 0) }
    }
    #expect(process.usedBytes == 0)
    #expect(process.peakBytes <= 50 && process.peakBytes > 0)
  }
}
