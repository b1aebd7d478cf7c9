# Profile `documented`: the tables of the specification (sections 5.3, 5.7, 5.12), and every switch off.
#
# Cell: `27/5` refuses with error 5 and leaves the state; `4:19[4]` goes to state 4 and sends event 19 with
# GSW_CM_AttrGroupCampStatus 4; several events are separated by commas; `when_closed=20[0]` is sent when the
# unload is done. In the sequence table `[item]` stands for the state of the item in turn.
# A corrected file may begin with `base documented` and give only what differs:
#   set ROW VALUE          cell campaign REQUEST STATE CELL          cell sequence REQUEST STATE CELL

table campaign
request       not_loaded  inactive             active               running                    waiting_unload  unload_in_progress
load          4:19[4]     27/5                 27/5                 27/5                       27/5            27/5
unload        27/4        2:when_closed=20[0]  2:when_closed=20[0]  1:22[1],when_closed=20[0]  27/4            27/4
force_unload  27/4        0:20[0]              0:20[0]              0:20[0]                    0:20[0]         0:20[0]
start         27/4        27/16                5:21[5]              27/7                       27/4            27/4
stop          27/4        27/6                 27/6                 4:22[4]                    27/6            27/6
set_mode      27/4        27/6                 27/6                 5:23[5]                    27/6            27/6
status        0:24[0]     3:24[3]              4:24[4]              5:24[5]                    1:24[1]         2:24[2]

table sequence
request       none   loaded            running
load          loaded:19[4]  27/5       27/5
start         27/13  running:21[5]     27/14
stop          27/13  27/14             loaded:22[4]
set_mode      27/13  27/14             running:23[5]
status        27/13  loaded:24[item]   running:24[item]
unload        27/13  none:20[0]        none:22[1],20[0]
force_unload  27/13  none:20[0]        none:20[0]

# What happens without a request: trigger, state, cell.
trigger drained         waiting_unload      2:24[2]
trigger closed          unload_in_progress  0:20[0]
trigger depleted        running             4:22[4]
trigger set_inactive    active              3:24[3]
trigger clear_inactive  inactive            4:24[4]
trigger mode_in_effect  running             5:24[5]

# Requests as they may be written.
set int_as_string              accept          # accept | 27/N
set duplicate_key              first           # first | 27/N
set load_without_mode          configured      # configured | 27/N
set start_without_mode         27/10           # configured | 27/N
set unknown_request            silence         # silence | 27/N
set undocumented_modes         accept          # modes 6, 7, 10: accept | 27/N
set validate_unused_goal       no              # method and goal of modes that ignore them: yes | no
set mode_change_running        table           # table (5.4) | any (among 1, 2, 4, 5, 10)
set cancel_without_phone       27/10           # by_customer | 27/N
set cancel_no_match            31              # 31 | 27/N
set cancel_phone_and_customer  both            # both | either
set auto_completion_place      both            # both | top
set target_zero_any            no              # serve target 0 with any request: yes | no

# Answers and notifications. The rows load_when_loaded, stop_when_active, set_mode_when_active, unload_running,
# force_unload_answer and start_sequence_not_loaded of the specification are cells of the tables above.
set answer_echo                yes             # yes | no
set error_ids                  yes             # yes | no
set error_text                 yes             # yes | no
set notify                     yes             # yes | no
set notify_target              0               # 0 | last_requester
set reference_id_echo          no              # yes | no

# Times and counts.
set on_item_failure            skip            # skip | retry (3 tries, 60 s apart) | abort
set drain_seconds_max          300
set unload_seconds             1
set history_length             0               # calls

# Switches for what correlation must survive.
set answer_delay_ms            0               # every answer leaves so much later
set answer_spread_ms           0               # and up to so much more, by the seed
set answer_twice               no              # yes | no
set answer_twice_gap_ms        0               # between the two
set look_alike_before_answer   no              # an unasked event equal to the answer just before it: yes | no
set answer_from_backup         no              # the backup of the pair answers, if there is one: yes | no
