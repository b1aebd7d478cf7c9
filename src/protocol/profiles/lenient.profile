# Profile `lenient`: takes what a friendly OCS might take, and answers with less.
base documented

set start_without_mode         configured
set mode_change_running        any
set cancel_without_phone       by_customer
set cancel_phone_and_customer  either
set answer_echo                no
set error_ids                  no
set error_text                 no
set notify_target              last_requester
set reference_id_echo          yes

# load_when_loaded
cell campaign load inactive            3:19[3]
cell campaign load active              4:19[4]
cell campaign load running             5:19[5]
cell campaign load waiting_unload      1:19[1]
cell campaign load unload_in_progress  2:19[2]
# stop_when_active, set_mode_when_active, unload_running
cell campaign stop active              4:22[4]
cell campaign set_mode active          4:23[4]
cell campaign unload running           0:20[0]
# force_unload_answer
cell campaign force_unload inactive            0:24[0]
cell campaign force_unload active              0:24[0]
cell campaign force_unload running             0:24[0]
cell campaign force_unload waiting_unload      0:24[0]
cell campaign force_unload unload_in_progress  0:24[0]
# start_sequence_not_loaded: loads, then starts
cell sequence start none  running:19[4],21[5]
