// SPDX-License-Identifier: MIT
// Do coroutines sleep, and talk over sockets? C++20.
#include <pirn.hpp>

#include <string>
#include <typeinfo>
#include <vector>

#include "cxx.hpp"

namespace
{

constexpr int CLIENTS = 20, ROUNDS = 50;

pirn::task<> serve(pirn::stream s)
{
    counted c;
    std::vector<char> buf(4096);

    for (;;) {
        std::size_t n = co_await s.read(buf.data(), buf.size());

        if (n == 0)
            break;
        CHECK(co_await s.write_all(buf.data(), n) == n);
    }
}

pirn::task<int> serve_all(pirn::listener &l)
{
    std::vector<pirn::join<void>> open;

    for (int i = 0; i < CLIENTS; i++)
        open.push_back(pirn::spawn(nullptr, serve(co_await l.accept())));
    for (auto &j : open)
        co_await j;
    co_return static_cast<int>(open.size());
}

pirn::task<std::size_t> ask(pirn_addr to, int who)
{
    counted c;
    std::string port = std::to_string(ntohs(to.in4.sin_port));
    pirn::stream s, half;
    std::string question = "client " + std::to_string(who), answer(question.size(), ' ');
    std::size_t sum = 0, sent = 0;

    // Not with ?:, in which g++ 12 destroys what it did not make.
    if (who % 2 == 0)
        s = co_await pirn::connect(to);
    else
        s = co_await pirn::dial("127.0.0.1", port);
    half = s.share();
    for (int i = 0; i < ROUNDS; i++) {
        sent = co_await s.write(question.data(), question.size());
        CHECK(sent == question.size());
        sum += co_await half.read_exact(answer.data(), answer.size());
        CHECK(answer == question);
    }
    s.shutdown();
    CHECK(co_await half.read(answer.data(), 1) == 0);
    try {
        co_await half.read_exact(answer.data(), 1);
    } catch (const pirn::error &e) {
        CHECK(e.code() == PIRN_EOF);
        co_return sum;
    }
    co_return 0;
}

pirn::task<> echo()
{
    pirn::listener l(nullptr, pirn::addr("127.0.0.1:0"));
    pirn_addr at = l.addr();
    auto server = pirn::spawn(nullptr, serve_all(l));
    std::vector<pirn::join<std::size_t>> clients;
    std::size_t sum = 0;

    for (int i = 0; i < CLIENTS; i++)
        clients.push_back(pirn::spawn(nullptr, ask(at, i)));
    for (auto &j : clients)
        sum += co_await j;
    CHECK(sum == ROUNDS * (10 * 8 + 10 * 9));
    CHECK(co_await server == CLIENTS);

    // Nobody there: an error where the value would be.
    l = pirn::listener(static_cast<pirn_listener *>(nullptr));
    try {
        co_await pirn::connect(at);
        CHECK(false);
    } catch (const pirn::error &e) {
        CHECK(e.code() == -ECONNREFUSED);
    }
}

pirn::task<pirn_time> naps()
{
    pirn_time from = pirn_now(), until = pirn_after(3 * PIRN_MS);

    co_await pirn::sleep_for(2 * PIRN_MS);
    CHECK(pirn_now() >= from + 2 * PIRN_MS);
    co_await pirn::sleep_until(until);
    CHECK(pirn_now() >= until);
    co_await pirn::sleep_until(0);
    co_return pirn_now() - from;
}

// Ends while a reader waits: the socket goes with it.
pirn::task<> reads_for_ever(pirn::stream s)
{
    counted c;
    char buf[1];

    co_await s.read(buf, sizeof buf);
}

pirn::task<> aborted()
{
    pirn::listener l(nullptr, pirn::addr("127.0.0.1:0"));
    pirn::stream client = co_await pirn::connect(l.addr());
    auto j = pirn::spawn(nullptr, reads_for_ever(co_await l.accept()));
    char byte;

    co_await pirn::sleep_for(PIRN_MS);
    j.abort();
    try {
        co_await j;
        CHECK(false);
    } catch (const pirn::cancelled &) {
    }
    CHECK(co_await client.read(&byte, 1) == 0);
    CHECK(counted::alive == 0);
}

void all(pirn_handle *h)
{
    CHECK(pirn::block_on(h, naps()) < PIRN_SEC * 10);
    pirn::block_on(h, echo());
    pirn::block_on(h, aborted());
    CHECK(counted::alive == 0);
    THROWS(pirn::error, PIRN_ENORUNTIME, "", pirn::listener(nullptr, pirn::addr("127.0.0.1:0")));
    THROWS(pirn::error, -EINVAL, "", pirn::addr("not an address"));
}

} // namespace

int main()
{
    for (pirn_flavor flavor : {PIRN_CURRENT_THREAD, PIRN_MULTI_THREAD}) {
        pirn::runtime rt(flavor);

        all(rt.handle());
    }
    return 0;
}
