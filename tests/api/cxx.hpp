// SPDX-License-Identifier: MIT
// What the programs that test pirn.hpp share: checks that name the place, and objects that are counted.
#ifndef PIRN_TESTS_API_CXX_HPP
#define PIRN_TESTS_API_CXX_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

// That @expr throws exactly a @type, with this code, and with @word in its text.
#define THROWS(type, wanted, word, expr)                                                           \
    do {                                                                                           \
        bool threw_ = false;                                                                       \
        try {                                                                                      \
            (void)(expr);                                                                          \
        } catch (const pirn::error &e_) {                                                          \
            threw_ = true;                                                                         \
            if (typeid(e_) != typeid(type) || e_.code() != (wanted) ||                             \
                std::strstr(e_.what(), word) == nullptr) {                                         \
                std::fprintf(stderr, "%s:%d: %s threw %s, code %d: %s\n", __FILE__, __LINE__,      \
                             #expr, typeid(e_).name(), e_.code(), e_.what());                      \
                std::exit(1);                                                                      \
            }                                                                                      \
        }                                                                                          \
        CHECK(threw_);                                                                             \
    } while (0)

// How many live; to be put into what must not be forgotten, nor destroyed twice.
struct counted {
    static std::atomic<int> alive;

    counted()
    {
        alive++;
    }
    counted(const counted &)
    {
        alive++;
    }
    counted &operator=(const counted &) = default;
    ~counted()
    {
        alive--;
    }
};
inline std::atomic<int> counted::alive{0};

#endif
